package browsertest_test

import "testing"

// TestPageSolvesACaptcha: where a project asks for a proof of work, the page does it and goes on by itself to the code; the person
// presses nothing. Without script it says what it needs.
func TestPageSolvesACaptcha(t *testing.T) {
	t.Parallel()
	needBrowser(t)
	s := startDev(t).site("Careful", "--captcha", "always")
	b := newTab(t, "en")
	sent := s.ask(b, "careful@example.test")
	b.write(entered, sent.Code)
	b.until("the way back to the client", arrived)

	plain := newTab(t, "en").without("script")
	s.authorize(plain)
	plain.write(typed, "plain@example.test")
	plain.press(goOn)
	plain.until("what the puzzle needs", `document.readyState === "complete" && document.querySelector("main noscript .alert")?.checkVisibility()`)
	plain.shoot("captcha-without-script")
}
