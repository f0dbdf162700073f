// go-oidc: an IDTokenVerifier over a RemoteKeySet, and the nonce compared as its documents tell each caller to. For nbf it
// has five minutes of leeway that cannot be set. It documents no type of error: all that Verify returns are rejections.
package main

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
)

func verify(request Request) (any, error) {
	policy := request.Policy
	server := httptest.NewServer(http.HandlerFunc(func(answer http.ResponseWriter, _ *http.Request) {
		answer.Write(policy.Keys)
	}))
	defer server.Close()
	keys := oidc.NewRemoteKeySet(context.Background(), server.URL)
	verifier := oidc.NewVerifier(policy.Issuer, keys, &oidc.Config{
		ClientID:             policy.ClientID,
		SupportedSigningAlgs: policy.Algorithms,
		Now:                  func() time.Time { return time.Unix(0, int64(request.Now*1e9)) },
	})
	token, err := verifier.Verify(context.Background(), request.Token)
	if err != nil {
		return nil, Rejected{err}
	}
	if policy.Nonce != nil && token.Nonce != *policy.Nonce {
		return nil, Rejected{errors.New("another nonce")}
	}
	var claims any
	return claims, token.Claims(&claims)
}

func main() {
	Profiles = []string{"id-token"}
	Serve("go-oidc", "github.com/coreos/go-oidc/v3", members{
		"algorithms": []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"},
		"options":    []any{},
		"max_line":   4000000,
		"tokens":     members{"id-token": members{"leeway": members{"nbf": 300}}},
	}, verify)
}
