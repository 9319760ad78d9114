package flow

type notifyShape struct {
	place
	Links    text                `yaml:"links" doc:"the console's address, where links in messages lead; without it messages name commands only"`
	Channels table[channelShape] `yaml:"channels" doc:"ways to tell people, by name"`
	People   table[table[text]]  `yaml:"people" doc:"mail address of a person → channel → their address on it; who is not listed is told by mail"`
}

func (notifyShape) noun() string { return "notify" }

type channelShape struct {
	place
	Kind     text               `yaml:"kind" want:"required" enum:"mail|slack|webhook" doc:"what it speaks: mail, slack, or webhook (Standard Webhooks)"`
	Settings table[scalar]      `yaml:"settings" doc:"mail: host, port, from, tls, user, ca_file; slack: api, team; webhook: url, ca_file"`
	Secrets  table[secretShape] `yaml:"secrets" doc:"mail: password; slack: token, signing_secret; webhook: secret, former_secret; each {env: NAME} or {file: PATH}"`
	Of       []text             `yaml:"of" doc:"what it carries, such as exception or approval.asked; everything unless said"`
	Private  []text             `yaml:"private" doc:"host names that it may call though their addresses are private"`
}

func (channelShape) noun() string { return "the channel" }
