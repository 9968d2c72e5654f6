// Package browsertest presses the buttons of the real program in a real browser, a headless Chromium. It holds tests only.
//
// Each person or device is a browser context of its own: no cookie, cache or storage is shared between the one who waits
// and the one who opens the link on another device.
//
//	handover_test.go    a login handed over, denied, by number, pressed twice, gone back to
//	scanner_test.go     what opens every link and presses nothing, and what presses from elsewhere: nobody gets in by it
//	look_test.go        every page in every state: axe-core finds nothing, and a screenshot is left to be looked at
//
// The hosted login page has its own:
//
//	login_test.go         the way to it and through it, with script and without
//	login_page_test.go    what its script makes shorter, step by step
//	login_look_test.go    every state of it, in every language, and in the colours of a project
//	login_budget_test.go  what it weighs, how soon it is seen, and what Lighthouse says
package browsertest
