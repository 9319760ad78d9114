package flow

import (
	"net/url"
	"reflect"
	"regexp"

	"go.yaml.in/yaml/v3"
)

// secretShape is a reference to a secret. A value in its place is refused,
// and stays out of the fault.
type secretShape struct {
	place
	Env  text `yaml:"env" doc:"name of an environment variable"`
	File text `yaml:"file" doc:"path of a file that holds only the secret"`
}

//nolint:gosec // it tells people where secrets go
const secretHint = "write {env: NAME} or {file: PATH}; a value that stood here is no secret any more"

func (s *secretShape) read(d *decoder, n *yaml.Node, f *field) {
	s.place = d.at(n)
	if n.Kind != yaml.MappingNode {
		d.fault(n, f.name+" is a secret written out", secretHint)
		return
	}
	d.readStruct(n, reflect.ValueOf(s).Elem(), f, 0)
	if s.Env.there() == s.File.there() {
		d.fault(n, f.name+" wants either env or file", secretHint)
	}
}

func (*secretShape) noun() string { return "the secret" }

// secretive are settings whose value should not be there to read.
var secretive = regexp.MustCompile(`(?i)(^|[_-])(password|passwd|passphrase|pass|secret|token|credentials?|key|apikey)$`)

// inlineSecret says whether a setting gives a secret away.
func inlineSecret(name, value string) bool {
	if secretive.MatchString(name) {
		return true
	}
	u, err := url.Parse(value)
	if err != nil || u.User == nil {
		return false
	}
	_, has := u.User.Password()
	return has
}

// settings takes over a table of settings and secrets.
func (c *compiler) settings(settings *table[scalar], secrets *table[secretShape]) (map[string]string, map[string]Secret) {
	plain, hidden := map[string]string{}, map[string]Secret{}
	for _, e := range settings.entries {
		if !e.value.ok() {
			continue
		}
		if inlineSecret(e.key.value, e.value.value) {
			c.fault(e.value.place, "settings."+e.key.value+" is a secret written out", "move it to secrets: {"+e.key.value+": {env: NAME}}, and change the secret")
			continue
		}
		plain[e.key.value] = e.value.value
	}
	for _, e := range secrets.entries {
		if _, twice := plain[e.key.value]; twice {
			c.fault(e.key.place, e.key.value+" is a setting and a secret", "keep one of them")
		}
		hidden[e.key.value] = Secret{Env: e.value.Env.value, File: e.value.File.value}
	}
	return plain, hidden
}
