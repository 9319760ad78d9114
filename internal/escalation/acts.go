package escalation

import (
	"slices"
	"strings"
	"time"

	"github.com/onus-id/onus"
)

// What somebody can do about an exception without ending it.
const (
	Acknowledge = "acknowledge" // I have it
	Take        = "take"        // I have it in their place
	Hand        = "hand"        // will you have it? Until they accept it stays
	Accept      = "accept"      // I will
	Snooze      = "snooze"      // not now, but by then
)

// An Act is something that somebody does about an exception.
type Act struct {
	Act    string
	By     onus.Actor
	Person string    // mail address of who does it
	From   string    // for Take: mail address of whom they saw it wait for; empty: nobody
	To     string    // for Hand
	Until  time.Time // for Snooze
	Reason string    // for Snooze it is needed
}

// Do gives the exception as the act leaves it, or says why it cannot be.
func (c *Clock) Do(x onus.Exception, a Act) (onus.Exception, error) {
	if x.State != onus.ExceptionOpen {
		return x, onus.Errorf(onus.Conflict, "", "exception %s was %s already", x.ID, x.State)
	}
	if a.Person == "" {
		return x, onus.Errorf(onus.Denied, "map the operating-system user to a person under operators in Organisation",
			"this must be a person's own, and nobody knows who %s is", a.By)
	}
	why, err := c.why(a.Person)
	if err != nil {
		return x, err
	}
	if why != "" {
		return x, onus.Errorf(onus.Denied, "somebody else on the route must", "%s cannot have exception %s: %s %s", a.Person, x.ID, a.Person, why)
	}
	does := map[string]func(onus.Exception, Act) (onus.Exception, error){
		Acknowledge: c.acknowledge, Take: c.take, Hand: c.hand, Accept: c.accept, Snooze: c.snooze,
	}[a.Act]
	if does == nil {
		return x, onus.Errorf(onus.Invalid, "acknowledge, take, hand, accept or snooze", "nobody knows how to %q an exception", a.Act)
	}
	y, err := does(x, a)
	if err != nil {
		return x, err
	}
	y.Attended = &onus.Decision{Act: a.Act, By: a.By, Person: a.Person, Reason: a.Reason, At: c.Now}
	switch a.Act {
	case Hand:
		y.Attended.With = map[string]string{"to": a.To}
	case Snooze:
		y.Attended.With = map[string]string{"until": y.Deadline.UTC().Format(time.RFC3339)}
	}
	return y, nil
}

func (c *Clock) acknowledge(x onus.Exception, a Act) (onus.Exception, error) {
	if err := c.has(x, a, "take it, if you are on its route"); err != nil {
		return x, err
	}
	if !x.Acknowledged.IsZero() {
		return x, onus.Errorf(onus.Conflict, "", "exception %s was acknowledged at %s", x.ID, x.Acknowledged.UTC().Format(time.RFC3339))
	}
	return c.holds(x), nil
}

// take gives an exception to somebody of its route who wants it. It names
// whom they saw it wait for: of two who take it at once, one is too late.
func (c *Clock) take(x onus.Exception, a Act) (onus.Exception, error) {
	step, err := c.stepOf(x, a.Person)
	switch {
	case err != nil:
		return x, err
	case step < 0:
		return x, onus.Errorf(onus.Denied, "ask whoever has it to hand it over", "%s is not on the route of exception %s", a.Person, x.ID)
	case strings.EqualFold(x.Assignee, a.Person):
		return x, onus.Errorf(onus.Conflict, "acknowledge it", "exception %s waits for %s already", x.ID, a.Person)
	case !strings.EqualFold(x.Assignee, a.From):
		return x, onus.Errorf(onus.Conflict, "look at it again", "exception %s waits for %s meanwhile", x.ID, x.Assignee)
	}
	x.Assignee, x.Nobody, x.Step = a.Person, "", max(x.Step, step)
	return c.holds(x), nil
}

// hand asks somebody to have it. Until they accept it stays where it is, and
// its clock runs on.
func (c *Clock) hand(x onus.Exception, a Act) (onus.Exception, error) {
	if err := c.has(x, a, ""); err != nil {
		return x, err
	}
	if a.To == "" || strings.EqualFold(a.To, a.Person) {
		return x, onus.Errorf(onus.Invalid, "name them with --to", "an exception is handed over to somebody else")
	}
	why, err := c.why(a.To)
	if err != nil {
		return x, err
	}
	if why != "" {
		return x, onus.Errorf(onus.Conflict, "", "exception %s cannot be handed over to %s, who %s", x.ID, a.To, why)
	}
	x.Offered = a.To
	return x, nil
}

func (c *Clock) accept(x onus.Exception, a Act) (onus.Exception, error) {
	switch {
	case x.Offered == "":
		return x, onus.Errorf(onus.Conflict, "take it, if you are on its route", "nobody hands over exception %s", x.ID)
	case !strings.EqualFold(x.Offered, a.Person):
		return x, onus.Errorf(onus.Denied, "", "exception %s is handed over to %s", x.ID, x.Offered)
	}
	x.Assignee, x.Nobody = x.Offered, ""
	return c.holds(x), nil
}

// snooze puts the deadline off. All of an exception's life together it moves
// by no more than the route allows.
func (c *Clock) snooze(x onus.Exception, a Act) (onus.Exception, error) {
	if err := c.has(x, a, ""); err != nil {
		return x, err
	}
	by := a.Until.Sub(x.Deadline)
	left := x.Route.ToSnooze() - x.Snoozed
	switch {
	case strings.TrimSpace(a.Reason) == "":
		return x, onus.Errorf(onus.Invalid, "give one with --reason", "to put an exception off needs a reason")
	case x.Acknowledged.IsZero():
		return x, onus.Errorf(onus.Conflict, "onus exceptions acknowledge "+x.ID, "what nobody has acknowledged cannot be put off")
	case by <= 0:
		return x, onus.Errorf(onus.Invalid, "name a later time", "exception %s waits until %s as it is", x.ID, x.Deadline.UTC().Format(time.RFC3339))
	case by > left:
		return x, onus.Errorf(onus.Invalid, "hand it over, or let it climb", "exception %s can be put off until %s at the latest", x.ID, x.Deadline.Add(left).UTC().Format(time.RFC3339))
	}
	x.Deadline, x.Snoozed = a.Until.UTC(), x.Snoozed+by
	return x, nil
}

// has says whether the exception waits for whoever acts.
func (c *Clock) has(x onus.Exception, a Act, hint string) error {
	if strings.EqualFold(x.Assignee, a.Person) {
		return nil
	}
	if x.Assignee == "" {
		return onus.Errorf(onus.Conflict, "take it, if you are on its route", "exception %s waits for nobody: %s", x.ID, x.Nobody)
	}
	return onus.Errorf(onus.Denied, hint, "exception %s waits for %s", x.ID, x.Assignee)
}

// holds notes that whoever has it has acknowledged it. Their time to end it
// begins with the first acknowledgement since it climbed: passing it on gives
// nobody more.
func (c *Clock) holds(x onus.Exception) onus.Exception {
	x.Offered = ""
	if x.Answered.IsZero() {
		x.Answered = c.Now
	}
	if x.Acknowledged.IsZero() {
		x.Acknowledged = c.Now
		x.Deadline = c.after(x, x.Route.ToResolve())
	}
	if x.Practice {
		x.State, x.Closed = onus.ExceptionPractised, c.Now
	}
	return x
}

// stepOf gives the place of a person on the path of an exception, or -1.
func (c *Clock) stepOf(x onus.Exception, mail string) (int, error) {
	places, err := c.Places(x.Route)
	return slices.IndexFunc(places, func(p Place) bool { return p.Mail != "" && strings.EqualFold(p.Mail, mail) }), err
}

// MayDecide says whether somebody may end an exception: who has it, or is on
// its route or among the heads now.
func (c *Clock) MayDecide(x onus.Exception, mail string) (bool, error) {
	if strings.EqualFold(x.Assignee, mail) {
		return true, nil
	}
	step, err := c.stepOf(x, mail)
	return step >= 0, err
}
