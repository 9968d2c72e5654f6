package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/latchkey-dev/latchkey"
)

// A projectRow is a project in JSON; times of life are in seconds.
type projectRow struct {
	ID             string   `json:"id"`
	Name           string   `json:"name"`
	CallbackURLs   []string `json:"callback_urls"`
	LinkURLs       []string `json:"link_urls"`
	AllowedOrigins []string `json:"allowed_origins"`
	Channels       []string `json:"channels"`
	DefaultLocale  string   `json:"default_locale"`
	Algorithm      string   `json:"algorithm"`
	TokenLife      int64    `json:"token_life"`
	AccessLife     int64    `json:"access_life"`
	RefreshLife    int64    `json:"refresh_life"`
	CodeDigits     int      `json:"code_digits"`
	CodeLife       int64    `json:"code_life"`
	CodeTries      int      `json:"code_tries"`
	LinkApproval   string   `json:"link_approval"`
	SessionIdle    int64    `json:"session_idle"`
	SessionLife    int64    `json:"session_life"`
	Logo           string   `json:"logo"`
	Color          string   `json:"color"`
	DarkColor      string   `json:"dark_color"`
	Theme          string   `json:"theme"`
	Terms          string   `json:"terms"`
	Privacy        string   `json:"privacy"`
	smsRow
	signUpRow
	Captcha string `json:"captcha"`

	Texts   map[string]latchkey.LookTexts `json:"texts"` // by locale; "" is for every other
	Created time.Time                     `json:"created"`
}

func rowOfProject(p latchkey.Project) projectRow {
	texts := p.Look.Texts
	if texts == nil {
		texts = map[string]latchkey.LookTexts{}
	}
	return projectRow{
		ID: p.ID.String(), Name: p.Name, CallbackURLs: lines(p.CallbackURLs), LinkURLs: lines(p.LinkURLs),
		AllowedOrigins: lines(p.AllowedOrigins), Channels: channelNames(p.Channels), DefaultLocale: p.DefaultLocale,
		Algorithm: string(p.Algorithm), TokenLife: seconds(p.TokenLife), AccessLife: seconds(p.AccessLife),
		RefreshLife: seconds(p.RefreshLife), CodeDigits: p.Codes.Digits, CodeLife: seconds(p.Codes.Life),
		CodeTries: p.Codes.Tries, LinkApproval: string(p.Approval), SessionIdle: seconds(p.Sessions.Idle),
		SessionLife: seconds(p.Sessions.Life), Logo: p.Logo, Color: p.Color, DarkColor: p.Look.DarkColor, Theme: string(p.Look.Theme),
		Terms: p.Look.Terms, Privacy: p.Look.Privacy, Texts: texts, Created: p.Created,
		smsRow: rowOfSMS(p.Defence.SMS), signUpRow: rowOfSignUp(p.Defence), Captcha: string(p.Defence.Captcha),
	}
}

func seconds(d time.Duration) int64 { return int64(d / time.Second) }

func showProject(w io.Writer, o outputSettings, p latchkey.Project) error {
	return o.show(w, rowOfProject(p), func(t *tabwriter.Writer) {
		row := func(name, value string) { fmt.Fprintf(t, "%s\t%s\n", name, dash(value)) }
		row("ID", p.ID.String())
		row("Name", p.Name)
		row("Callback URLs", strings.Join(p.CallbackURLs, " "))
		row("Link URLs", strings.Join(p.LinkURLs, " "))
		row("Allowed origins", strings.Join(p.AllowedOrigins, " "))
		row("Channels", strings.Join(channelNames(p.Channels), " "))
		row("Locale", p.DefaultLocale)
		row("Captcha", string(p.Defence.Captcha))
		row("Algorithm", string(p.Algorithm))
		row("Token life", human(p.TokenLife))
		row("Access life", human(p.AccessLife))
		row("Refresh life", human(p.RefreshLife))
		row("Codes", fmt.Sprintf("%d digits, %s, %d tries", p.Codes.Digits, human(p.Codes.Life), p.Codes.Tries))
		row("Link approval", string(p.Approval))
		row("Sessions", fmt.Sprintf("%s without use, %s in all", human(p.Sessions.Idle), human(p.Sessions.Life)))
		row("Logo", p.Logo)
		row("Color", p.Color)
		row("Dark color", p.Look.DarkColor)
		row("Theme", string(p.Look.Theme))
		row("Terms", p.Look.Terms)
		row("Privacy", p.Look.Privacy)
		row("SMS countries", strings.Join(p.Defence.SMS.Countries, " "))
		row("SMS breaker", fmt.Sprintf("%s, budget %d", p.Defence.SMS.Breaker, p.Defence.SMS.Budget))
		showSignUp(p.Defence, row)
		for _, t := range textsOf(p.Look) {
			row("Text", t)
		}
		row("Created", when(p.Created))
	})
}
