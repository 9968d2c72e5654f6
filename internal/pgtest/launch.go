package pgtest

// Launch is Start for a program that is no test: the load generator. Remove ends the server.
func Launch(args ...string) (*Server, error) {
	bin, err := binaries()
	if err != nil {
		return nil, err
	}
	return start(bin, args...)
}

// Remove stops the server and removes its folder.
func (s *Server) Remove() error { return s.remove() }
