package limitertest

import (
	"reflect"
	"strings"
	"testing"

	"github.com/latchkey-dev/latchkey"
)

// TestEveryMethodHasAPromise: a method that nobody holds to anything would differ from room to room.
func TestEveryMethodHasAPromise(t *testing.T) {
	t.Parallel()
	tested := map[string]bool{}
	for name := range suite() {
		method, promise, _ := strings.Cut(name, "/")
		if promise == "" || strings.Contains(promise, "/") {
			t.Errorf("%q is not of the form Method/promise", name)
		}
		tested[method] = true
	}
	port := reflect.TypeFor[latchkey.Limiter]()
	if port.NumMethod() == 0 {
		t.Fatal("latchkey.Limiter has no methods: this test looks at the wrong type")
	}
	for m := range port.NumMethod() {
		name := port.Method(m).Name
		if !tested[name] {
			t.Errorf("no promise of Limiter.%s is in the suite", name)
		}
		delete(tested, name)
	}
	for name := range tested {
		t.Errorf("the suite tests %s, which is no method of latchkey.Limiter", name)
	}
}
