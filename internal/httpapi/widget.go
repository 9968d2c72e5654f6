package httpapi

import (
	"net/http"

	"github.com/latchkey-dev/latchkey"
)

// widgetSettings is the answer of GET /widget/ng/settings (contract.md §7): what a login form that a product draws by
// itself must know. The npm SDK puts it into its own settings, and keeps its own where a member is missing or empty.
type widgetSettings struct {
	SocialLinks   socialLinks    `json:"social_links"`
	Theme         widgetTheme    `json:"theme"`
	Fields        []widgetField  `json:"registration_fields"`
	Visual        visualSettings `json:"visual_settings"`
	MagicLink     bool           `json:"enable_magic_link"` // the SDK asks for a link in every message then
	Terms         string         `json:"tos_url"`
	PrivacyPolicy string         `json:"privacy_policy"`
}

// socialLinks are two empty lists: there is no social login.
type socialLinks struct {
	Primary   []string `json:"primary"`
	Secondary []string `json:"secondary"`
}

// A widgetTheme is in the words of the npm SDK. Its colour of errors is left to it: an answer with that word in it could be
// taken for one (contract.md §1.4).
type widgetTheme struct {
	Primary    string   `json:"primary_color"`
	Secondary  string   `json:"secondary_color"`
	Text       string   `json:"text_color"`
	Background surface  `json:"background"`
	Scene      surface  `json:"scene"`
	Rounding   rounding `json:"rounding"`
}

type surface struct {
	Color string `json:"color"`
}

type rounding struct {
	Inputs  string `json:"inputs"`
	Buttons string `json:"buttons"`
	Widget  string `json:"widget"`
}

// A widgetField is something that a person is asked for.
type widgetField struct {
	Name     string `json:"name"`
	Type     string `json:"type"`
	Required bool   `json:"required"`
}

type visualSettings struct {
	StyleURL        string `json:"custom_style_url"`
	NoExternalStyle bool   `json:"disallow_external_style"`
	Logo            string `json:"logo_url"` // ours: the SDK has no place for it
}

// widget is GET /widget/ng/settings. Whoever may see the login form may see this.
func (s *Server) widget(w http.ResponseWriter, r *http.Request) error {
	p, err := s.widgetProject(r)
	if err != nil {
		return err
	}
	w.Header().Set("Cache-Control", "public, max-age=60")
	return encode(w, http.StatusOK, settingsOf(p))
}

// widgetProject gives the project that the query names, by itself or by a client. The SDK sends both.
// Errors: Missing, ProjectNotFound, UnknownClient.
func (s *Server) widgetProject(r *http.Request) (latchkey.Project, error) {
	q := parseQuery(r)
	if q.get("projectId") != "" || q.get("client_id") == "" {
		id := q.project()
		if q.err != nil {
			return latchkey.Project{}, q.err
		}
		return s.Store.Project(r.Context(), id)
	}
	id := q.client()
	if q.err != nil {
		return latchkey.Project{}, q.err
	}
	c, err := s.Store.Client(r.Context(), id)
	if err != nil {
		return latchkey.Project{}, err
	}
	return s.Store.Project(r.Context(), c.Project)
}

func settingsOf(p latchkey.Project) widgetSettings {
	out := widgetSettings{
		SocialLinks: socialLinks{Primary: []string{}, Secondary: []string{}}, Theme: themeOf(p), Fields: []widgetField{},
		Visual: visualSettings{NoExternalStyle: true, Logo: p.Logo},
		// A link leads to a registered page only. Where none is, a message that asked for one would be refused.
		MagicLink: len(p.LinkURLs) > 0, Terms: p.Look.Terms, PrivacyPolicy: p.Look.Privacy,
	}
	for _, c := range p.Channels {
		f := widgetField{Name: "email", Type: "email", Required: len(p.Channels) == 1}
		if c == latchkey.Phone {
			f.Name, f.Type = "phone_number", "phone"
		}
		out.Fields = append(out.Fields, f)
	}
	return out
}

// themeOf gives the colours of the hosted pages (pages.css) with the project's own for buttons. A form has one theme: where
// the person's device would choose, it is the light one.
func themeOf(p latchkey.Project) widgetTheme {
	own := p.Color
	t := widgetTheme{
		Primary: "#3b4fd8", Secondary: "#dfe2ec", Text: "#171a26", Background: surface{"#ffffff"}, Scene: surface{"#f3f4f8"},
		Rounding: rounding{Inputs: "10px", Buttons: "10px", Widget: "16px"},
	}
	if p.Look.Theme == latchkey.DarkTheme {
		t.Primary, t.Secondary, t.Text, t.Background, t.Scene = "#8e9dff", "#2c3142", "#eceef6", surface{"#191c28"}, surface{"#10121a"}
		if p.Look.DarkColor != "" {
			own = p.Look.DarkColor
		}
	}
	if own != "" {
		t.Primary = own
	}
	return t
}
