package main

import (
	"context"
	"fmt"
	"strings"
)

// A person has an address, and signs in to a project from wherever they are.
type person struct {
	*client
	s       *server
	project string
	address string // an email, or a phone with its plus
}

// path is a call of the JWT protocol.
func (p person) path(call string) string {
	return "/api/login/" + p.channel() + "/" + call + "?projectId=" + p.project
}

func (p person) channel() string {
	if strings.HasPrefix(p.address, "+") {
		return "phone"
	}
	return "email"
}

func (p person) member() string {
	if p.channel() == "phone" {
		return "phone_number"
	}
	return "email"
}

// start asks for a code. more are further members of the body, name and value by turns.
func (p person) start(from string, more ...string) (answer, error) {
	body := map[string]string{p.member(): p.address}
	for i := 0; i+1 < len(more); i += 2 {
		body[more[i]] = more[i+1]
	}
	return p.post(from, p.path("request"), body)
}

// confirm gives a code.
func (p person) confirm(from, operation, code string) (answer, error) {
	return p.post(from, p.path("confirm"), map[string]string{p.member(): p.address, "operation_id": operation, "code": code})
}

// challenge starts, and waits for the message. A refusal gives no message and no error.
func (p person) challenge(ctx context.Context, from string, more ...string) (operation string, m message, a answer, err error) {
	before := len(p.s.box(p.address))
	if a, err = p.start(from, more...); err != nil || a.status != 200 {
		return "", m, a, err
	}
	m, err = p.s.nth(ctx, p.address, before+1)
	return a.member("operation_id"), m, a, err
}

// signIn does what an honest person does: ask, read, press the link if the message says so, type the code.
func (p person) signIn(ctx context.Context, from string) error {
	operation, m, a, err := p.challenge(ctx, from)
	if err != nil {
		return err
	}
	if a.status != 200 {
		return fmt.Errorf("the start was answered %v", a)
	}
	if m.linkFirst {
		if err := p.press(from, m); err != nil {
			return err
		}
	}
	a, err = p.confirm(from, operation, m.Code)
	if err == nil && a.status != 200 {
		err = fmt.Errorf("the right code was answered %v", a)
	}
	return err
}

// press is the button on the page behind the link.
func (p person) press(from string, m message) error {
	_, path, ok := strings.Cut(m.Link, p.host)
	if !ok {
		return fmt.Errorf("the message says that the link comes first, and has none: %q", m.Text)
	}
	a, err := p.send("POST", from, path, "application/x-www-form-urlencoded", "action=approve", "Sec-Fetch-Site: same-origin")
	if err == nil && a.status != 303 {
		err = fmt.Errorf("the link was answered %v", a)
	}
	return err
}
