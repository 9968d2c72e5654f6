// Package sdktest drives the published npm client @xsolla/login-sdk, unmodified, against the real program. It holds
// tests only.
//
// The client is a browser's: its requests go through XMLHttpRequest, so they meet CORS and the browser's own retries.
// Hence a headless Chromium loads the client from its npm package on a page of the test's own, which is another origin
// than the server, and testdata/flows.js signs in with it.
//
//	test ── starts ──▶ latchkey dev                     the server
//	  │ └─── starts ──▶ chromium http://127.0.0.1:…/    the page: client and flows
//	  ▼
//	GET  /message    the page reads its mail in the development inbox
//	POST /approve    the page's owner presses the link in it on another device
//	POST /report     the page tells what each flow gave
package sdktest
