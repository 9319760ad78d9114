package connectortest_test

import (
	"testing"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/connector"
	"github.com/onus-id/onus/connector/connectortest"
)

// target lets the suite judge Faulty: every ability, from its own script.
type target struct {
	*connectortest.Faulty
}

func open(*testing.T) connectortest.Target {
	return target{connectortest.NewFaulty("crm", "group:alpha", "group:beta")}
}

func (g target) Connector() connector.Connector         { return g.Faulty }
func (g target) Entitlements() (a, b string)            { return "group:alpha", "group:beta" }
func (g target) Attributes(name string) onus.Attributes { return onus.Attributes{"cn": name} }

func (g target) Seen(_ *testing.T, name string) (connectortest.Seen, bool) {
	seen, ok := g.Access()[name]
	return seen, ok
}

func (g target) Create(_ *testing.T, name string)              { g.Faulty.Create(name, nil) }
func (g target) Delete(_ *testing.T, name string)              { g.Faulty.Delete(name) }
func (g target) Rename(_ *testing.T, old, name string)         { g.Faulty.Rename(old, name) }
func (g target) Grant(_ *testing.T, name, entitlement string)  { g.Faulty.Grant(name, entitlement) }
func (g target) Revoke(_ *testing.T, name, entitlement string) { g.Faulty.Revoke(name, entitlement) }
func (g target) CanLogIn(_ *testing.T, name string) bool       { return g.Access()[name].Enabled }
func (g target) FreeAttribute() string                         { return "mail" }
func (g target) CutNextScan(*testing.T)                        { g.Fail(connectortest.OpScan, 1, connectortest.CutAfter(0)) }
func (g target) LieOnNextWrite(*testing.T)                     { g.Fail(connectortest.OpApply, 1, connectortest.Lies()) }

func (g target) Attribute(_ *testing.T, name, attribute string) string {
	return g.AttributesOf(name)[attribute]
}

func (g target) OpenSession(_ *testing.T, name string) (alive func() bool) {
	g.Faulty.OpenSession(name)
	return func() bool { return g.SessionsOf(name) > 0 }
}

func (g target) RenameEntitlement(_ *testing.T, old, entitlement string) {
	g.Faulty.RenameEntitlement(old, entitlement)
}

func (g target) GrantOtherwise(_ *testing.T, name, entitlement string) string {
	g.GrantVia(name, entitlement, "group:parents")
	return "group:parents"
}

func (g target) CutNextWrite(_ *testing.T, forwarded bool) {
	fault := connectortest.LosesRequest()
	if forwarded {
		fault = connectortest.LosesAnswer()
	}
	g.Fail(connectortest.OpApply, 1, fault)
}

func (g target) ThrottleNext(_ *testing.T, wait time.Duration) {
	g.Fail(connectortest.OpApply, 1, connectortest.ThrottledFor(wait))
}

func TestFaultyKeepsTheContractUntilTold(t *testing.T) {
	connectortest.Run(t, open)
}
