// Package device reads a user agent: what a person may recognise of the device that asks to be let in. It owns
// github.com/mileusna/useragent and only computes; the pages call it.
//
// Whoever asks writes the user agent, and may be the one to be kept out. So nothing of its text is passed on: every word
// that comes back is one of this package's own.
package device

import (
	"strings"

	"github.com/mileusna/useragent"
)

// A Device is what could be recognised. All fields are names as their makers write them, the same in every language; the
// zero value is an unknown device.
type Device struct {
	Browser string // "Firefox"
	System  string // "Windows", "iPhone", "PlayStation 5"
	Engine  string // what a game was made with: "Unity"
}

// Read recognises what it can. A version is never told: browsers have frozen most of them.
func Read(agent string) Device {
	ua := useragent.Parse(agent)
	d := Device{Browser: browser(ua.Name), System: first(agent, gadgets()), Engine: first(agent, engines())}
	if d.System == "" {
		d.System = system(ua)
	}
	if d.System == "" {
		d.System = first(agent, libraries())
	}
	if d.Engine != "" {
		d.Browser = ""
	}
	return d
}

// Say gives d in the words of one language; text is the catalogue's, with the values of placeholders by turns name and value.
func (d Device) Say(text func(key string, args ...string) string) string {
	switch {
	case d.Engine != "" && d.System != "":
		return text("page.device_game_on", "engine", d.Engine, "system", d.System)
	case d.Engine != "":
		return text("page.device_game", "engine", d.Engine)
	case d.Browser != "" && d.System != "":
		return text("page.device_browser", "browser", d.Browser, "system", d.System)
	case d.Browser != "":
		return d.Browser
	case d.System != "":
		return text("page.device_app", "system", d.System)
	}
	return text("page.device_unknown")
}

// A mark is a part of a user agent and what it tells.
type mark struct{ part, name string }

// first gives the name of the first mark that stands in agent.
func first(agent string, marks []mark) string {
	for _, m := range marks {
		if strings.Contains(agent, m.part) {
			return m.name
		}
	}
	return ""
}

// gadgets are what a parser made for browsers takes for the computer or phone inside them.
func gadgets() []mark {
	return []mark{
		{"PlayStation 5", "PlayStation 5"}, {"PlayStation 4", "PlayStation 4"}, {"PlayStation", "PlayStation"},
		{"Xbox", "Xbox"}, {"Nintendo Switch", "Nintendo Switch"}, {"Nintendo", "Nintendo"},
		{"SMART-TV; Linux; Tizen", "Samsung TV"}, {"SMART-TV; LINUX; Tizen", "Samsung TV"}, {"Web0S", "LG TV"}, {"webOS.TV", "LG TV"},
		{"AppleTV", "Apple TV"}, {"Roku", "Roku"}, {"CrKey", "Chromecast"}, {"AFT", "Fire TV"}, {"Android TV", "Android TV"},
		{"GoogleTV", "Android TV"}, {"Quest", "Meta Quest"}, {"Steam Deck", "Steam Deck"},
	}
}

func engines() []mark {
	return []mark{
		{"UnityPlayer/", "Unity"}, {"UnityWebRequest/", "Unity"}, {"UnrealEngine", "Unreal Engine"}, {"/UE4", "Unreal Engine"},
		{"/UE5", "Unreal Engine"}, {"++UE", "Unreal Engine"}, {"GodotEngine/", "Godot"}, {"cocos2d", "Cocos"}, {"Cocos", "Cocos"},
	}
}

// libraries are what apps call with: they tell the system they are for, and games name theirs in words of their own.
func libraries() []mark {
	return []mark{
		{"okhttp/", "Android"}, {"CFNetwork/", "iOS/macOS"}, {"Windows", "Windows"}, {"Android", "Android"}, {"iOS", "iOS"},
		{"Mac", "macOS"}, {"Linux", "Linux"},
	}
}

func system(ua useragent.UserAgent) string {
	switch ua.OS {
	case useragent.IOS:
		if ua.Device == "iPad" {
			return "iPad"
		}
		return "iPhone"
	case useragent.Windows, useragent.Android, useragent.MacOS, useragent.Linux, useragent.FreeBSD, useragent.ChromeOS:
		return ua.OS
	case useragent.WindowsPhone:
		return "Windows Phone"
	case useragent.Harmony:
		return "HarmonyOS"
	}
	return ""
}

func browser(name string) string {
	switch name {
	case useragent.Chrome, useragent.HeadlessChrome:
		return "Chrome"
	case useragent.Safari, useragent.MobileSafari:
		return "Safari"
	case useragent.Opera, useragent.OperaMini, useragent.OperaTouch:
		return "Opera"
	case useragent.InternetExplorer, useragent.Msie:
		return "Internet Explorer"
	case useragent.FacebookApp:
		return "Facebook"
	case useragent.InstagramApp:
		return "Instagram"
	case useragent.TiktokApp:
		return "TikTok"
	case useragent.Firefox, useragent.Edge, useragent.Vivaldi, useragent.SamsungBrowser:
		return name
	}
	return ""
}
