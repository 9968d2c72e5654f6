package latchkey

import "time"

// A CaptchaProvider is who makes CAPTCHAs.
type CaptchaProvider string

// The providers.
const (
	Altcha    CaptchaProvider = "altcha"    // a proof of work of our own making, which asks nobody (altcha.org)
	Turnstile CaptchaProvider = "turnstile" // Cloudflare's
	HCaptcha  CaptchaProvider = "hcaptcha"
)

// A Puzzle is what whoever asks for a code gets to solve.
type Puzzle struct {
	Provider CaptchaProvider
	SiteKey  string // of a provider whose own script makes the puzzle; empty for Altcha

	// Of Altcha: the number between 0 and Max is wanted that, printed after Salt, hashes to Challenge.
	Algorithm, Challenge, Salt, Signature string
	Max                                   int64
}

// A Solution is a puzzle that was solved, as far as it must be remembered: it is good once.
type Solution struct {
	ID   Hash      // of the puzzle
	Dies time.Time // UTC; from then on it is worth nothing by itself
}
