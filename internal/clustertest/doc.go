// Package clustertest runs several nodes of the real program over one PostgreSQL, behind a plain proxy, ends any of them at
// any moment, and proves what the ports promise to people who know nothing of nodes: every step may go to another one, and all
// of them together behave as one. It holds tests only.
//
// The proxy is the test's own. It hands each request to the next node in turn, knows nothing of sessions, and tells by a header
// which node answered. A node that refuses the connection is passed over, because nothing was sent to it; a connection that
// breaks later is answered 502, and then nobody knows what became of the request.
package clustertest
