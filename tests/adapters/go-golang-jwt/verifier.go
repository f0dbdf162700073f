// golang-jwt: ParseWithClaims with a key function that finds the key by kid, as its documents show. Public keys are PEM
// (Ed25519 and EC by their own readers), secrets are octets. It can require exp and nbf, and no other claim.
package main

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

var capabilities = members{
	"algorithms": strings.Fields("HS256 HS384 HS512 RS256 RS384 RS512 PS256 PS384 PS512 ES256 ES384 ES512 EdDSA"),
	"key_form":   "pem", "mixed_algorithms": true, "max_line": 4_000_000,
	"options": []any{"leeway", members{"require": []string{"exp", "nbf"}}},
}

func main() {
	Serve("golang-jwt", "github.com/golang-jwt/jwt/v5", capabilities, verify)
}

func verify(request Request) (any, error) {
	policy := request.Policy
	options := []jwt.ParserOption{
		jwt.WithValidMethods(policy.Algorithms), jwt.WithIssuer(policy.Issuer), jwt.WithAudience(policy.Audience),
		jwt.WithLeeway(time.Duration(policy.Leeway * float64(time.Second))), jwt.WithIssuedAt(),
		jwt.WithTimeFunc(func() time.Time { return time.UnixMicro(int64(request.Now * 1e6)) }),
	}
	if slices.Contains(policy.Require, "exp") {
		options = append(options, jwt.WithExpirationRequired())
	}
	if slices.Contains(policy.Require, "nbf") {
		options = append(options, jwt.WithNotBeforeRequired())
	}
	claims := jwt.MapClaims{}
	_, err := jwt.ParseWithClaims(request.Token, claims, keyOf(policy), options...)
	if err != nil {
		return nil, Rejected{err}
	}
	return claims, nil
}

func keyOf(policy Policy) jwt.Keyfunc {
	return func(token *jwt.Token) (any, error) {
		var set struct {
			Keys []struct{ Kid, Kty, K string }
		}
		if err := json.Unmarshal(policy.Keys, &set); err != nil {
			return nil, err
		}
		for _, key := range set.Keys {
			if key.Kid != token.Header["kid"] {
				continue
			}
			pem := []byte(policy.KeyTexts[key.Kid]["pem"])
			switch key.Kty {
			case "oct":
				return base64.RawURLEncoding.DecodeString(key.K)
			case "RSA":
				return jwt.ParseRSAPublicKeyFromPEM(pem)
			case "EC":
				return jwt.ParseECPublicKeyFromPEM(pem)
			case "OKP":
				return jwt.ParseEdPublicKeyFromPEM(pem)
			}
			return nil, fmt.Errorf("no reader for keys of type %q", key.Kty)
		}
		return nil, errors.New("no key of that kid")
	}
}
