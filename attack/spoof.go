package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"
)

// spoof claims to come from elsewhere, by every header that somebody ever believed, to get more than one client's share; and
// sends requests of shapes that servers and proxies read differently, or that are too large.
func spoof(ctx context.Context, l *lab) ([]figure, error) {
	var out []figure
	for _, trusted := range []bool{false, true} {
		figures, err := spoofAddresses(ctx, l, trusted)
		if err != nil {
			return nil, err
		}
		out = append(out, figures...)
	}
	figures, err := spoofShapes(ctx, l)
	return append(out, figures...), err
}

// share is what the table of limits gives one client at once, and how long it takes to get one more start: start-client.
const (
	share    = 60
	oneMore  = 10 * time.Second
	realPeer = "198.51.100.9" // where the attacker really is, as a proxy sees it
)

// claims are the heads of the n-th start: what the attacker writes, and behind it, if there is a proxy, what the proxy adds.
// Each claims another address every time.
var claims = map[string]func(n int, proxied bool) []string{
	"X-Forwarded-For": func(n int, proxied bool) []string {
		return []string{"X-Forwarded-For: " + appended(network(n), proxied)}
	},
	"X-Forwarded-For, a list": func(n int, proxied bool) []string {
		return []string{"X-Forwarded-For: " + appended(network(n)+", 203.0.113.7, "+network(n+1), proxied)}
	},
	"X-Forwarded-For, twice": func(n int, proxied bool) []string {
		return append([]string{"X-Forwarded-For: " + network(n)}, added(network(n+7), proxied)...)
	},
	"X-Forwarded-For, as a proxy that is trusted": func(n int, proxied bool) []string {
		return []string{"X-Forwarded-For: " + appended(network(n)+", 127.0.0.1", proxied)}
	},
	"X-Forwarded-For, no address": func(n int, proxied bool) []string {
		return []string{fmt.Sprintf("X-Forwarded-For: %s", appended(fmt.Sprintf("unknown, _hidden%d, \"[::%d]\", %s:80", n, n+1, network(n)), proxied))}
	},
	"X-Forwarded-For, empty parts": func(n int, proxied bool) []string {
		return []string{"X-Forwarded-For: " + appended(" , ,"+network(n)+",", proxied)}
	},
	"X-Forwarded-For, 8 KiB": func(n int, proxied bool) []string {
		return []string{"X-Forwarded-For: " + appended(strings.Repeat(network(n)+", ", 700)+"::1", proxied)}
	},
	"Forwarded": func(n int, proxied bool) []string {
		return append([]string{fmt.Sprintf("Forwarded: for=%s;proto=https, for=\"[2001:db8:%x::1]\"", network(n), n)}, added("", proxied)...)
	},
	"X-Real-IP": func(n int, proxied bool) []string {
		return append([]string{"X-Real-IP: " + network(n)}, added("", proxied)...)
	},
	"all the others": func(n int, proxied bool) []string {
		heads := added("", proxied)
		for _, name := range []string{"True-Client-IP", "CF-Connecting-IP", "Fastly-Client-IP", "X-Client-IP", "X-Cluster-Client-IP", "X-Forwarded", "Forwarded-For", "X-Originating-IP", "X-Remote-Addr", "Via"} {
			heads = append(heads, name+": "+network(n))
		}
		return heads
	},
}

// appended is a list as a proxy passes it on: with where the request came from at its end.
func appended(list string, proxied bool) string {
	if !proxied {
		return list
	}
	return list + ", " + realPeer
}

// added is the header that a proxy writes which does not touch the attacker's.
func added(first string, proxied bool) []string {
	switch {
	case proxied && first != "":
		return []string{"X-Forwarded-For: " + first + ", " + realPeer}
	case proxied:
		return []string{"X-Forwarded-For: " + realPeer}
	case first != "":
		return []string{"X-Forwarded-For: " + first}
	}
	return nil
}

// spoofAddresses makes twice as many starts as one client may, with every claim in turn.
func spoofAddresses(ctx context.Context, l *lab, trusted bool) (_ []figure, err error) {
	var project string
	s, err := l.serve(ctx, setup{direct: !trusted}, oneProject(ctx, &project))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.stop()) }()
	c := &client{host: s.host}
	defer c.Close()
	where := "from an untrusted client"
	if trusted {
		where = "through a trusted proxy"
	}
	began, passed, byClaim := time.Now(), 0, map[string]int{}
	for n := range 2 * share {
		for name, heads := range claims {
			a, err := c.post("", "/api/login/email/request?projectId="+project,
				map[string]string{"email": fmt.Sprintf("p%d-%d@example.com", n, len(name))}, heads(n, trusted)...)
			switch {
			case err != nil:
				return nil, fmt.Errorf("%s: %w", name, err)
			case a.status == 200:
				passed++
				byClaim[name]++
			case a.status != 429:
				return nil, fmt.Errorf("%s was answered %v", name, a)
			}
		}
	}
	most := share + int(time.Since(began)/oneMore) + 1
	out := []figure{{
		What: fmt.Sprintf("starts that pass %s, of %d by %d kinds of claims", where, 2*share*len(claims), len(claims)), Value: float64(passed),
		Rule: atMost, Bound: float64(most),
	}}
	if passed > most { // then say which claim was believed
		for name, n := range byClaim {
			out = append(out, figure{What: "of them with " + name, Value: float64(n)})
		}
	}
	return out, nil
}

// spoofShapes sends every shape at once, each on connections of its own, and has somebody sign in afterwards.
func spoofShapes(ctx context.Context, l *lab) (_ []figure, err error) {
	var project string
	s, err := l.serve(ctx, setup{args: []string{"--limit", "all=off"}}, oneProject(ctx, &project))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.stop()) }()
	all := shapes(s.host, project)
	verdicts := make([]string, len(all))
	var wg sync.WaitGroup
	for i, sh := range all {
		wg.Go(func() { verdicts[i] = sh.send(s.host) })
	}
	wg.Wait()
	var out []figure
	wrong := 0
	for i, v := range verdicts {
		if v != "" {
			wrong++
			out = append(out, figure{What: all[i].name + " " + v, Value: 1, Rule: exactly, Bound: 0})
		}
	}
	out = append(out,
		figure{What: "shapes of requests that servers and proxies may read differently, or that are too large", Value: float64(len(all))},
		figure{What: "of them, answered as they must not be", Value: float64(wrong), Rule: exactly},
	)
	if err := s.alive(); err != nil {
		return out, err
	}
	out = append(out, figure{What: "messages sent by them", Value: float64(s.count()), Rule: exactly})
	p := person{client: &client{host: s.host}, s: s, project: project, address: "person@example.com"}
	defer p.Close()
	return out, p.signIn(ctx, "192.0.2.7")
}
