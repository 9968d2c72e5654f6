package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"text/tabwriter"
	"unicode"

	"github.com/latchkey-dev/latchkey"
)

// A clientRow is a client in JSON. The secret is there when it was just made.
type clientRow struct {
	ID           int64           `json:"id"`
	Project      string          `json:"project"`
	Name         string          `json:"name"`
	Kind         string          `json:"kind"`
	RedirectURIs []string        `json:"redirect_uris"`
	LogoutURIs   []string        `json:"logout_uris"`
	PKCERequired bool            `json:"pkce_required"`
	DeviceLogin  bool            `json:"device_login"`
	ThirdParty   bool            `json:"third_party"`
	PublicKeys   json.RawMessage `json:"public_keys"` // a JWK set; null: none
	HasSecret    bool            `json:"has_secret"`
	Secret       string          `json:"secret,omitempty"`
}

func rowOfClient(c latchkey.Client, secret latchkey.Secret) clientRow {
	out := clientRow{
		ID: int64(c.ID), Project: c.Project.String(), Name: c.Name, Kind: string(c.Kind), RedirectURIs: lines(c.RedirectURIs),
		LogoutURIs: lines(c.LogoutURIs), PKCERequired: c.PKCERequired, DeviceLogin: c.DeviceLogin, ThirdParty: c.ThirdParty,
		HasSecret: !c.SecretHash.IsZero(), Secret: secret.Reveal(),
	}
	if c.PublicKeys != "" {
		out.PublicKeys = json.RawMessage(c.PublicKeys)
	}
	return out
}

func (o outputSettings) showClient(a *app, c latchkey.Client, secret latchkey.Secret) error {
	return o.show(a.Stdout, rowOfClient(c, secret), func(t *tabwriter.Writer) {
		fmt.Fprintf(t, "ID\t%d\n", c.ID)
		fmt.Fprintf(t, "Name\t%s\n", c.Name)
		fmt.Fprintf(t, "Kind\t%s\n", c.Kind)
		fmt.Fprintf(t, "Project\t%s\n", c.Project)
		fmt.Fprintf(t, "Redirect URIs\t%s\n", dash(strings.Join(c.RedirectURIs, " ")))
		fmt.Fprintf(t, "Logout URIs\t%s\n", dash(strings.Join(c.LogoutURIs, " ")))
		fmt.Fprintf(t, "PKCE\t%s\n", pkce(c))
		fmt.Fprintf(t, "Device login\t%s\n", yesNo(c.DeviceLogin))
		fmt.Fprintf(t, "Third party\t%s\n", yesNo(c.ThirdParty))
		fmt.Fprintf(t, "Public keys\t%s\n", dash(keyNames(c.PublicKeys)))
		switch {
		case secret != "":
			fmt.Fprintf(t, "Secret\t%s\tshown this once: keep it now\n", secret.Reveal())
		case !c.SecretHash.IsZero():
			fmt.Fprintln(t, "Secret\tset")
		}
	})
}

func pkce(c latchkey.Client) string {
	if c.PKCERequired {
		return "required"
	}
	return "optional"
}

// keyNames lists the keys of a JWK set: their kid, or what kind they are.
func keyNames(set string) string {
	var jwks struct {
		Keys []struct {
			ID   string `json:"kid"`
			Kind string `json:"kty"`
		} `json:"keys"`
	}
	if set == "" || json.Unmarshal([]byte(set), &jwks) != nil {
		return ""
	}
	var names []string
	for _, k := range jwks.Keys {
		if k.ID == "" {
			k.ID = "(without a kid)"
		}
		names = append(names, printed(k.Kind+" "+k.ID))
	}
	return strings.Join(names, ", ")
}

// printed is foreign text without what would move a terminal's cursor.
func printed(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return -1
		}
		return r
	}, s)
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}
