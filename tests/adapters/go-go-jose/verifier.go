// go-jose: jwt.ParseSigned with the allow-list, Claims with the policy's key set, ValidateWithLeeway. No claim can be
// required; a claim that is compared has to be there.
package main

import (
	"encoding/json"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

var capabilities = members{
	"algorithms": strings.Fields("HS256 HS384 HS512 RS256 RS384 RS512 PS256 PS384 PS512 ES256 ES384 ES512 EdDSA"),
	"options":    []string{"leeway"}, "max_line": 4_000_000,
}

func main() {
	Serve("go-jose", "github.com/go-jose/go-jose/v4", capabilities, verify)
}

func verify(request Request) (any, error) {
	policy := request.Policy
	var algorithms []jose.SignatureAlgorithm
	for _, name := range policy.Algorithms {
		algorithms = append(algorithms, jose.SignatureAlgorithm(name))
	}
	var keys jose.JSONWebKeySet
	if err := json.Unmarshal(policy.Keys, &keys); err != nil {
		return nil, Rejected{err}
	}
	token, err := jwt.ParseSigned(request.Token, algorithms)
	if err != nil {
		return nil, Rejected{err}
	}
	var claims jwt.Claims
	var all map[string]any
	if err := token.Claims(keys, &claims, &all); err != nil {
		return nil, Rejected{err}
	}
	expected := jwt.Expected{
		Issuer: policy.Issuer, AnyAudience: jwt.Audience{policy.Audience}, Time: time.UnixMicro(int64(request.Now * 1e6)),
	}
	if err := claims.ValidateWithLeeway(expected, time.Duration(policy.Leeway*float64(time.Second))); err != nil {
		return nil, Rejected{err}
	}
	return all, nil
}
