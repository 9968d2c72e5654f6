package jose

// MaxOpened is how many keys are kept open.
const MaxOpened = maxOpened

// Opened is how many are.
func Opened(s *Signer) int { return len(s.opened) }

// OccupyRSA takes n of the places for RS256 until the function it gives is called.
func OccupyRSA(s *Signer, n int) func() {
	for range n {
		s.rsa <- struct{}{}
	}
	return func() {
		for range n {
			<-s.rsa
		}
	}
}
