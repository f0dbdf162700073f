// jwx: jwt.Parse with the policy's key set, as its documents recommend. A key serves for the algorithm that its JWK names;
// there is no other allow-list.
package main

import (
	"encoding/json"
	"strings"
	"time"

	"github.com/lestrrat-go/jwx/v3/jwk"
	"github.com/lestrrat-go/jwx/v3/jwt"
)

var capabilities = members{
	"algorithms": strings.Fields("HS256 HS384 HS512 RS256 RS384 RS512 PS256 PS384 PS512 ES256 ES384 ES512 EdDSA Ed25519"),
	"options":    []string{"leeway", "require"}, "max_line": 4_000_000,
}

func main() {
	Serve("jwx", "github.com/lestrrat-go/jwx/v3", capabilities, verify)
}

func verify(request Request) (any, error) {
	policy := request.Policy
	keys, err := jwk.Parse(policy.Keys)
	if err != nil {
		return nil, Rejected{err}
	}
	options := []jwt.ParseOption{
		jwt.WithKeySet(keys), jwt.WithIssuer(policy.Issuer), jwt.WithAudience(policy.Audience),
		jwt.WithAcceptableSkew(time.Duration(policy.Leeway * float64(time.Second))),
		jwt.WithClock(jwt.ClockFunc(func() time.Time { return time.UnixMicro(int64(request.Now * 1e6)) })),
	}
	for _, name := range policy.Require {
		options = append(options, jwt.WithRequiredClaim(name))
	}
	token, err := jwt.ParseString(request.Token, options...)
	if err != nil {
		return nil, Rejected{err}
	}
	text, err := json.Marshal(token)
	return json.RawMessage(text), err
}
