package rig

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// A Page is a window of a real browser, with a session of its own. What it is
// asked to do it does or fails the test.
type Page struct {
	tb  testing.TB
	ctx context.Context //nolint:containedctx // it is the page: chromedp keeps it there

	mu     sync.Mutex
	faults []string // guarded by mu: what the browser complained of
}

// do carries out steps, as long as patience lasts.
func (p *Page) do(what string, steps ...chromedp.Action[chromedp.Void]) {
	p.tb.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	if err := chromedp.Do(ctx, steps...); err != nil {
		p.tb.Fatalf("%s: %v\nthe page at %s shows:\n%s", what, err, p.quietly("location.href"), p.quietly("document.body.innerText"))
	}
}

// quietly is what an expression gives, or nothing.
func (p *Page) quietly(expression string) string {
	ctx, cancel := context.WithTimeout(p.ctx, 2*time.Second)
	defer cancel()
	text, err := chromedp.Run(ctx, chromedp.Evaluate[string](expression))
	if err != nil {
		return err.Error()
	}
	return text
}

// Go opens an address, and waits until the page's own script is ready.
func (p *Page) Go(address string) {
	p.tb.Helper()
	p.do("go to "+address, chromedp.Navigate(address))
	p.Until("document.documentElement.dataset.ready !== undefined")
}

// Click clicks on what a selector finds.
func (p *Page) Click(selector string) {
	p.tb.Helper()
	p.do("click "+selector, chromedp.Click(selector))
}

// Type types into a field.
func (p *Page) Type(selector, text string) {
	p.tb.Helper()
	p.do("type into "+selector, chromedp.Focus(selector), chromedp.KeyEvent(text))
}

// Press presses keys, one after the other, where the focus is.
func (p *Page) Press(keys string) {
	p.tb.Helper()
	p.do("press "+keys, chromedp.KeyEvent(keys))
}

// Until waits until an expression is true.
func (p *Page) Until(expression string) {
	p.tb.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		ctx, cancel := context.WithTimeout(p.ctx, patience)
		ok, err := chromedp.Run(ctx, chromedp.Evaluate[bool]("!!("+expression+")"))
		cancel()
		if err == nil && ok {
			return
		}
		if time.Now().After(end) { // an error is a page on its way to the next
			p.tb.Fatalf("wait until %s: %v\nthe page at %s shows:\n%s", expression, err, p.quietly("location.href"), p.quietly("document.body.innerText"))
		}
	}
}

// Shows waits until the page's text has some words in it.
func (p *Page) Shows(words string) {
	p.tb.Helper()
	quoted, err := json.Marshal(words)
	if err != nil {
		p.tb.Fatal(err)
	}
	p.Until("document.body && document.body.innerText.includes(" + string(quoted) + ")")
}

// Text is what an expression gives.
func (p *Page) Text(expression string) string {
	p.tb.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	text, err := chromedp.Run(ctx, chromedp.Evaluate[string](expression))
	if err != nil {
		p.tb.Fatalf("%s: %v", expression, err)
	}
	return text
}

// Do runs statements in the page.
func (p *Page) Do(statements string) {
	p.tb.Helper()
	p.Text("(() => {" + statements + "})(), ''")
}

// Beside is another window with the same session.
func (p *Page) Beside() *Page {
	p.tb.Helper()
	beside := &Page{tb: p.tb}
	tab, closeTab := chromedp.NewContext(p.ctx, chromedp.WithListener(beside.hear))
	p.tb.Cleanup(closeTab)
	beside.ctx = tab
	if err := chromedp.Do(tab); err != nil {
		p.tb.Fatalf("open a page: %v", err)
	}
	return beside
}

// Picture is how the whole page looks, as a PNG.
func (p *Page) Picture() []byte {
	p.tb.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	png, err := chromedp.Run(ctx, chromedp.FullScreenshot(100))
	if err != nil {
		p.tb.Fatalf("take a picture: %v", err)
	}
	return png
}

// Barriers are what axe-core, of a folder where npm ci has run, finds on the
// page that keeps people out.
func (p *Page) Barriers(folder string) []string {
	p.tb.Helper()
	source, err := os.ReadFile(filepath.Join(folder, "node_modules", "axe-core", "axe.min.js")) //nolint:gosec // a folder of the tests
	if errors.Is(err, fs.ErrNotExist) {
		err = fmt.Errorf("axe-core (npm ci in %s): %w", folder, ErrMissing)
	}
	Require(p.tb, err)
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	found, err := chromedp.Run(ctx, chromedp.Evaluate[string](string(source)+
		`;axe.run().then((r) => r.violations.flatMap((v) => v.nodes.map((n) => v.id + ": " + v.help + " at " + n.target.join(" "))).join("\n"))`, chromedp.EvalAwaitPromise))
	if err != nil {
		p.tb.Fatalf("run axe-core: %v", err)
	}
	return strings.FieldsFunc(found, func(r rune) bool { return r == '\n' })
}

// Complaints are what the browser said of the page so far: breaches of its
// content security policy, and errors.
func (p *Page) Complaints() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]string(nil), p.faults...)
}

// hear keeps what the browser complains of.
func (p *Page) hear(ev any) {
	says := ""
	switch e := ev.(type) {
	case *log.EventEntryAdded:
		if e.Entry.Level == log.EntryLevelError {
			says = string(e.Entry.Source) + ": " + e.Entry.Text
		}
	case *runtime.EventExceptionThrown:
		says = "script: " + e.ExceptionDetails.Text
	}
	if says != "" {
		p.mu.Lock()
		p.faults = append(p.faults, says)
		p.mu.Unlock()
	}
}
