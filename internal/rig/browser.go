package rig

import (
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// OpenBrowser starts Chromium without a window and gives what makes pages in
// it: each call is a window of its own size with a session of its own. What it
// starts ends with the test.
func OpenBrowser(tb testing.TB) func(width, height int) *Page {
	tb.Helper()
	path, err := program("chromium")
	Require(tb, err)
	ctx, stop := chromedp.NewExecAllocator(tb.Context(), chromedp.ExecPath(path), chromedp.UserDataDir(tb.TempDir()),
		chromedp.Headless, chromedp.NoSandbox, chromedp.NoFirstRun, chromedp.IgnoreCertErrors,
		chromedp.Flag("disable-gpu", true), chromedp.Flag("disable-quic", true), chromedp.Flag("disable-background-networking", true),
		chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-sync", true), chromedp.Flag("disable-dev-shm-usage", true))
	tb.Cleanup(stop)
	browser, quit := chromedp.NewContext(ctx)
	tb.Cleanup(quit)
	if err := chromedp.Do(browser, chromedp.Navigate("about:blank")); err != nil {
		tb.Fatalf("start Chromium: %v", err)
	}
	return func(width, height int) *Page {
		tb.Helper()
		p := &Page{tb: tb}
		tab, closeTab := chromedp.NewContext(browser, chromedp.WithNewBrowserContext(), chromedp.WithListener(p.hear))
		tb.Cleanup(closeTab)
		p.ctx = tab
		// The page lasts as long as the context that it is first used with.
		if err := chromedp.Do(tab, chromedp.EmulateViewport(int64(width), int64(height))); err != nil {
			tb.Fatalf("open a page: %v", err)
		}
		return p
	}
}

// patience is how long a page may take to come to be as it should.
const patience = 30 * time.Second
