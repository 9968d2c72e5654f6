// Package latchkey is the dictionary of a passwordless login server: its nouns, the rules they obey, the words its
// errors use, and the promises (ports) that the rooms around it keep.
//
// It is the only package that everything else may import. It uses the standard library alone, performs no I/O and
// reads no clock: a time is always an argument, randomness always comes in as bytes. One noun and its rules per
// file:
//
//	project.go    who asks people to sign in, and under which rules
//	client.go     an OAuth 2.0 client of a project
//	address.go    an email or a phone, canonical
//	challenge.go  one pending proof that someone controls an address
//	guess.go      how often an address was guessed at, and what that costs
//	limit.go      how often anything may happen
//	attempt.go    one answer to a challenge, and everything that follows from it
//	user.go       who signed in
//	grant.go      authorization codes and families of refresh tokens
//	key.go        signing keys and their rotation
//	claims.go     what a token says
//	message.go    what must be sent (the outbox)
//	event.go      what happened (the audit trail)
//	secret.go     the master secrets and everything derived from them
//	ports.go      Store, Sender, Signer, Limiter, Bell
//	errors.go     Code and Error
package latchkey
