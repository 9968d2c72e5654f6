package httpapi_test

import (
	"bytes"
	"net/url"
	"testing"

	"github.com/latchkey-dev/latchkey"
)

// A widget is the part of the settings that differs from project to project.
type widget struct {
	Theme struct {
		Primary    string `json:"primary_color"`
		Background struct{ Color string }
	}
	Fields []struct {
		Name     string
		Required bool
	} `json:"registration_fields"`
	Visual struct {
		Logo string `json:"logo_url"`
	} `json:"visual_settings"`
	Link    bool   `json:"enable_magic_link"`
	Terms   string `json:"tos_url"`
	Privacy string `json:"privacy_policy"`
}

// TestWidgetSettings: what the project is set to, found by its own id or by a client's, without credentials.
func TestWidgetSettings(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var own, other widget
	w.get("/api/widget/ng/settings", url.Values{"projectId": {w.project.String()}}).ok(&own)
	if own.Theme.Primary != "#3b4fd8" || own.Theme.Background.Color != "#ffffff" || !own.Link || own.Terms != "" || len(own.Fields) != 2 || own.Fields[0].Required {
		t.Errorf("a project with two channels and a link URL, and else as it was made: %+v", own)
	}
	w.get("/api/widget/ng/settings", url.Values{"client_id": {foreignID}}).ok(&other)
	if len(other.Fields) != 1 || other.Fields[0].Name != "email" || !other.Fields[0].Required || other.Link {
		t.Errorf("the project of the other client, which has email only and no link URL: %+v", other)
	}
	var both widget // the npm SDK sends both
	w.get("/api/widget/ng/settings", url.Values{"projectId": {w.other.String()}, "client_id": {publicID}, "scope": {"x"}, "locale": {"de_DE"}}).ok(&both)
	if len(both.Fields) != 1 {
		t.Errorf("projectId does not count before client_id: %+v", both)
	}
	w.get("/api/widget/ng/settings", nil).fails(422, "002-028")
	w.get("/api/widget/ng/settings", url.Values{"projectId": {"x"}}).fails(404, "003-019")
	w.get("/api/widget/ng/settings", url.Values{"client_id": {"99"}}).fails(400, "010-019")

	w.change(func(p *latchkey.Project) {
		p.Color, p.Logo, p.Look.Terms, p.Look.Privacy = "#aa0000", "https://cdn.example.test/logo.png", "https://example.test/terms", "https://example.test/privacy"
	})
	w.get("/api/widget/ng/settings", url.Values{"client_id": {publicID}}).ok(&own)
	if own.Theme.Primary != "#aa0000" || own.Visual.Logo != "https://cdn.example.test/logo.png" || own.Terms != "https://example.test/terms" || own.Privacy != "https://example.test/privacy" {
		t.Errorf("with a look of its own: %+v", own)
	}
	w.change(func(p *latchkey.Project) { p.Look.Theme = latchkey.DarkTheme })
	w.get("/api/widget/ng/settings", url.Values{"client_id": {publicID}}).ok(&own)
	if own.Theme.Primary != "#aa0000" || own.Theme.Background.Color != "#191c28" {
		t.Errorf("dark, with one colour: %+v", own)
	}
	w.change(func(p *latchkey.Project) { p.Look.DarkColor = "#bb0000" })
	w.get("/api/widget/ng/settings", url.Values{"client_id": {publicID}}).ok(&own)
	if own.Theme.Primary != "#bb0000" {
		t.Errorf("dark, with a colour for it: %+v", own)
	}
}

// TestWidgetSettingsAreNoError: one SDK takes a success that has the words error, code and description in it for a failure
// (contract.md §1.4), so one of the three must never be there by our doing.
func TestWidgetSettingsAreNoError(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := w.get("/api/widget/ng/settings", url.Values{"projectId": {w.project.String()}})
	if bytes.Contains(r.body, []byte("error")) {
		t.Errorf("the word error is in it: %s", r.body)
	}
}

// change changes the project's settings.
func (w *world) change(f func(*latchkey.Project)) {
	w.t.Helper()
	p, err := w.store.Project(w.t.Context(), w.project)
	w.must(err)
	f(&p)
	w.must(w.admin.UpdateProject(w.t.Context(), p))
}
