// net/http with auth0/go-jwt-middleware, as its documentation has it.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	jwtmiddleware "github.com/auth0/go-jwt-middleware/v2"
	"github.com/auth0/go-jwt-middleware/v2/jwks"
	"github.com/auth0/go-jwt-middleware/v2/validator"
)

type scope struct {
	Scope string `json:"scope"`
}

func (s *scope) Validate(context.Context) error {
	if !slices.Contains(strings.Fields(s.Scope), "orders:read") {
		return errors.New("insufficient scope")
	}
	return nil
}

func main() {
	issuer, _ := url.Parse(os.Getenv("ISSUER"))
	keys := jwks.NewCachingProvider(issuer, 3*time.Second)
	claims := validator.WithCustomClaims(func() validator.CustomClaims { return &scope{} })
	checks, _ := validator.New(keys.KeyFunc, validator.ES256, issuer.String(), []string{"api://orders"}, claims)
	orders := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		token := r.Context().Value(jwtmiddleware.ContextKey{}).(*validator.ValidatedClaims)
		json.NewEncoder(w).Encode(map[string]any{"user": map[string]any{"sub": token.RegisteredClaims.Subject}})
	})
	http.Handle("GET /orders", jwtmiddleware.New(checks.ValidateToken).CheckJWT(orders))
	http.ListenAndServe("127.0.0.1:"+os.Getenv("PORT"), nil)
}
