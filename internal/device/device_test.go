package device_test

import (
	"strings"
	"testing"

	"github.com/latchkey-dev/latchkey/internal/device"
)

func TestRead(t *testing.T) {
	t.Parallel()
	for agent, want := range map[string]device.Device{
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36":                            {Browser: "Chrome", System: "Windows"},
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36 Edg/126.0.0.0":              {Browser: "Edge", System: "Windows"},
		"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Safari/605.1.15":                      {Browser: "Safari", System: "macOS"},
		"Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1":    {Browser: "Safari", System: "iPhone"},
		"Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) CriOS/126.0 Mobile/15E148 Safari/604.1":     {Browser: "Chrome", System: "iPhone"},
		"Mozilla/5.0 (iPad; CPU OS 16_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/16.6 Mobile/15E148 Safari/604.1":             {Browser: "Safari", System: "iPad"},
		"Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Mobile Safari/537.36":                            {Browser: "Chrome", System: "Android"},
		"Mozilla/5.0 (Linux; Android 13; SM-S901B) AppleWebKit/537.36 (KHTML, like Gecko) SamsungBrowser/25.0 Chrome/121.0.0.0 Mobile Safari/537.36": {Browser: "Samsung Browser", System: "Android"},
		"Mozilla/5.0 (X11; Linux x86_64; rv:127.0) Gecko/20100101 Firefox/127.0":                                                                     {Browser: "Firefox", System: "Linux"},
		"Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36":                             {Browser: "Chrome", System: "ChromeOS"},
		"Mozilla/5.0 (PlayStation; PlayStation 5/6.50) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/13.0 Safari/605.1.15":                        {Browser: "Safari", System: "PlayStation 5"},
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64; Xbox; Xbox One) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/48.0 Safari/537.36 Edge/14.14263":   {Browser: "Edge", System: "Xbox"},
		"Mozilla/5.0 (Nintendo Switch; WifiWebAuthApplet) AppleWebKit/606.4 (KHTML, like Gecko) NF/6.0.1.15.4 NintendoBrowser/5.1.0.20393":           {System: "Nintendo Switch"},
		"Mozilla/5.0 (SMART-TV; LINUX; Tizen 6.0) AppleWebKit/537.36 (KHTML, like Gecko) 76.0.3809.146/6.0 TV Safari/537.36":                         {System: "Samsung TV"},
		"Mozilla/5.0 (Web0S; Linux/SmartTV) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/79.0.3945.79 Safari/537.36 WebAppManager":                  {Browser: "Chrome", System: "LG TV"},
		"Mozilla/5.0 (Linux; Android 9; AFTMM Build/PS7633) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/108.0 Mobile Safari/537.36":    {Browser: "Chrome", System: "Fire TV"},
		"UnityPlayer/2021.3.16f1 (UnityWebRequest/1.0, libcurl/7.84.0-DEV)":                                                                          {Engine: "Unity"},
		"Mozilla/5.0 (Windows NT 10.0) UnityPlayer/2021.3.16f1":                                                                                      {Engine: "Unity", System: "Windows"},
		"SpaceGame/++UE5+Release-5.3-CL-29314046 Windows/10.0.22621.1.256.64bit":                                                                     {Engine: "Unreal Engine", System: "Windows"},
		"SpaceGame/UE4-CL-0 Android/12":                 {Engine: "Unreal Engine", System: "Android"},
		"X-UnrealEngine-Agent":                          {Engine: "Unreal Engine"},
		"GodotEngine/4.2.stable.official (Windows)":     {Engine: "Godot", System: "Windows"},
		"okhttp/4.12.0":                                 {System: "Android"},
		"Dalvik/2.1.0 (Linux; U; Android 12; Pixel 6)":  {System: "Android"},
		"SpaceGame/42 CFNetwork/1494.0.7 Darwin/23.4.0": {System: "iOS/macOS"},
		"curl/8.5.0":             {},
		"Go-http-client/1.1":     {},
		"Your bank (secure)/1.0": {},
		"":                       {},
		"Mozilla/5.0":            {},
		"Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)": {},
	} {
		if got := device.Read(agent); got != want {
			t.Errorf("%s:\n got %+v\nwant %+v", agent, got, want)
		}
	}
}

// FuzzNothingForeignIsShown: whoever asks to be let in writes the user agent, and must not write on the page with it.
func FuzzNothingForeignIsShown(f *testing.F) {
	for _, seed := range []string{
		"", "Mozilla/5.0 (Windows NT 10.0)", "Your bank/1.0 (the real one)", "Mozilla/5.0 (iPhone", strings.Repeat("(", 512), "\x00\xff Android",
		"Press Yes/1 Windows NT 10.0", "a; b) (c; Android; Press Yes",
	} {
		f.Add(seed)
	}
	known := strings.Split(",Chrome,Safari,Opera,Internet Explorer,Facebook,Instagram,TikTok,Firefox,Edge,Vivaldi,Samsung Browser,"+
		"iPad,iPhone,iOS,Windows,Android,macOS,Linux,FreeBSD,ChromeOS,Windows Phone,HarmonyOS,iOS/macOS,PlayStation 5,PlayStation 4,"+
		"PlayStation,Xbox,Nintendo Switch,Nintendo,Samsung TV,LG TV,Apple TV,Roku,Chromecast,Fire TV,Android TV,Meta Quest,Steam Deck,"+
		"Unity,Unreal Engine,Godot,Cocos", ",")
	words := map[string]bool{}
	for _, w := range known {
		words[w] = true
	}
	f.Fuzz(func(t *testing.T, agent string) {
		d := device.Read(agent)
		for _, got := range []string{d.Browser, d.System, d.Engine} {
			if !words[got] {
				t.Fatalf("%q is shown as %+v", agent, d)
			}
		}
	})
}
