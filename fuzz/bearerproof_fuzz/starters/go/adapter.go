// An adapter of your Go library: fill in verify, and declare below it what the library can do.
//
// Nothing else is needed. The policy has all that a verifier is told; each check that your library offers is switched on with
// the value that stands there, and none is added that it lacks: that is what bearerproof looks for.
package main

import "errors"

// verify returns the claims of a token that the library accepts at this instant under this policy, or Rejected{err} with
// the error that it documents for a bad token. request.Now is in seconds since 1970; request.Policy has Issuer, Audience,
// Algorithms, Leeway, Require, Keys (a JWK set, as JSON) and, for a form that is text, KeyTexts.
func verify(request Request) (any, error) {
	return nil, errors.New("verify, in adapter.go, is still to be filled in")
}

var capabilities = members{
	"algorithms": []string{"RS256", "ES256"}, // those that it verifies: each one declared is tried
	"clock":      "injected",                 // "real" if it cannot be told the time
	"key_form":   "jwks",                     // "pem" and others: Policy.KeyTexts[kid]["pem"] is each key then
	"options":    []any{"leeway", "require"}, // and "typ", or only those that it has
}

func main() {
	Serve("my-library", "example.com/my/library", capabilities, verify)
}
