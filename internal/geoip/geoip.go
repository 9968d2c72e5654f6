// Package geoip tells roughly where an address is, from a file in the MaxMind DB format (GeoLite2 or GeoIP2 City or
// Country, DB-IP Lite and their like). It owns github.com/oschwald/maxminddb-golang/v2. The file is read once, at start:
// nothing is ever asked of anybody over the network.
package geoip

import (
	"fmt"
	"net/netip"
	"os"
	"strings"

	"github.com/oschwald/maxminddb-golang/v2"
)

// A File answers from memory and is safe for concurrent use.
type File struct{ db *maxminddb.Reader }

// Open reads the file at path. It is not mapped into memory: a mapped file that somebody overwrites in place takes the
// process down.
func Open(path string) (*File, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	db, err := maxminddb.OpenBytes(raw)
	if err != nil {
		return nil, fmt.Errorf("not a file in the MaxMind DB format: %w", err)
	}
	kind := strings.ToLower(db.Metadata.DatabaseType)
	for _, known := range []string{"city", "country", "enterprise"} {
		if strings.Contains(kind, known) {
			return &File{db}, nil
		}
	}
	return nil, fmt.Errorf("this is a %q file, which knows no places: take one of cities or countries", db.Metadata.DatabaseType)
}

// A record is the part of the common layout that is read.
type record struct {
	City    named `maxminddb:"city"`
	Country named `maxminddb:"country"`
	// Registered is where the network's owner is: all that is known of some addresses, but no place. It is left out.
}

type named struct {
	Names map[string]string `maxminddb:"names"`
}

// Place names the city and the country of ip in the language of locale, a tag such as "de" or "zh_CN", or in English
// where the file lacks it. Both are empty where nothing is known; a city is never without its country.
func (f *File) Place(ip netip.Addr, locale string) (city, country string) {
	var r record
	if !ip.IsValid() || f.db.Lookup(ip.Unmap().WithZone("")).Decode(&r) != nil { // damaged there, so nothing is known
		return "", ""
	}
	country = r.Country.in(locale)
	if country == "" {
		return "", ""
	}
	return r.City.in(locale), country
}

func (n named) in(locale string) string {
	tag := strings.ReplaceAll(locale, "_", "-")
	if tag == "pt" {
		tag = "pt-BR" // the only Portuguese of these files
	}
	if name := n.Names[tag]; name != "" {
		return name
	}
	return n.Names["en"]
}
