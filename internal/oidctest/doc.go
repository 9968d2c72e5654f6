// Package oidctest has published clients, unmodified, sign people in at the real program, by a real browser. It holds tests
// only.
//
//	test ──── starts ──▶ latchkey dev               the server
//	  │ ├──── serves ──▶ site                       the client's own web site, on another port: another origin
//	  │ └──── starts ──▶ node js/….mjs              a back end that drives a library: what it wants opened, the test opens
//	  └ person ────────▶ chromium                   goes to the login page, reads the mail, types the code
//
//	go_test.go          golang.org/x/oauth2 and go-oidc
//	node_test.go        npm openid-client and oauth4webapi
//	spa_test.go         npm oidc-client-ts, in the page of docs/integrate
//	proxy_test.go       oauth2-proxy, with the configuration of docs/integrate
//	guides_test.go      the other programs of docs/integrate, and that none is left out
//	compare_test.go     one client against this server and against npm oidc-provider; differences_test.go says what differs
//	path_test.go        no path redirects
package oidctest
