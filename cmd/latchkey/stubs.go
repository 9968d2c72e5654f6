package main

type projectCommands struct{}
type clientCommands struct{}
type userCommands struct{}
type keyCommands struct{}
type eventsCommand struct{}

func (eventsCommand) Run() error { return nil }

type configCommands struct{}
type migrateCommand struct{}

func (migrateCommand) Run() error { return nil }

type secretCommands struct{}
type versionCommand struct{}

func (versionCommand) Run() error { return nil }
func version() string             { return "dev" }
