// The loop of an adapter in Go: JSON lines in, JSON lines out, in order.
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"runtime/debug"
)

// Profiles are the kinds of token that it verifies, all of those of one adapter alike.
var Profiles = []string{"jwt"}

// Policy is what a verifier is told. Members that an adapter does not declare are not listed. ClientID and Nonce are those
// of an ID token's; nil is none.
type Policy struct {
	Issuer     string
	Audience   string
	Algorithms []string
	Leeway     float64
	Require    []string
	ClientID   string `json:"client_id"`
	Nonce      *string
	Keys       json.RawMessage
	KeyTexts   map[string]map[string]string `json:"key_texts"`
}

// Request is one line of bearerproof's.
type Request struct {
	ID     json.RawMessage
	Op     string
	Token  string
	Now    float64
	Policy Policy
}

type members = map[string]any

// Rejected is what a verifier returns for a token that its library refuses.
type Rejected struct{ error }

// Serve answers until the input ends. verify returns the claims; an error that is not Rejected is errored.
func Serve(name, module string, capabilities members, verify func(Request) (any, error)) {
	hello := members{
		"protocol": 1, "level": 0, "profiles": Profiles, "measure": "base",
		"implementation": members{"name": name, "version": versionOf(module), "language": "go"},
		"capabilities":   capabilities,
	}
	lines, answers := bufio.NewReader(os.Stdin), json.NewEncoder(os.Stdout)
	for {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			return
		}
		var request Request
		if err := json.Unmarshal(line, &request); err != nil {
			request.Op = err.Error()
		}
		answer := members{"skipped": "only whole JWTs: " + request.Op}
		switch request.Op {
		case "hello":
			answer = hello
		case "verify":
			answer = decide(request, verify)
		}
		answer["id"] = request.ID
		if err := answers.Encode(answer); err != nil {
			return
		}
	}
}

func decide(request Request, verify func(Request) (any, error)) (answer members) {
	defer func() {
		if caught := recover(); caught != nil {
			answer = errored(fmt.Sprint("panic: ", caught))
		}
	}()
	claims, err := verify(request)
	if _, refused := err.(Rejected); refused {
		return members{"verdict": "rejected"}
	}
	if err != nil {
		return errored(err.Error())
	}
	return members{"verdict": "accepted", "claims": shallow(claims)}
}

// shallow returns the claims, or nothing if they nest deeper than an answer may.
func shallow(claims any) any {
	text, err := json.Marshal(claims)
	if err != nil {
		return nil
	}
	depth, tokens := 0, json.NewDecoder(bytes.NewReader(text))
	for {
		token, err := tokens.Token()
		switch {
		case err != nil:
			return json.RawMessage(text)
		case token == json.Delim('{') || token == json.Delim('['):
			depth++
		case token == json.Delim('}') || token == json.Delim(']'):
			depth--
		}
		if depth > 60 {
			return nil
		}
	}
}

func errored(message string) members {
	return members{"errored": members{"message": message[:min(len(message), 500)]}}
}

func versionOf(module string) string {
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, dependency := range info.Deps {
			if dependency.Path == module {
				return dependency.Version[1:]
			}
		}
	}
	return "unknown"
}
