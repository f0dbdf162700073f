// What the adapters of releases share: the exhibit's own capabilities, how else it has the library called, and the key in
// the form that it declares.
import { createRequire } from "node:module";
import { serve } from "./loop.mjs";

const load = createRequire(import.meta.url);
export const { call = {}, ...options } = JSON.parse(process.argv[2]);

// A package as its users before modules had it, and the version that it says of itself.
export const required = (name) => load(name);
const versionOf = (name) => load(`./node_modules/${name}/package.json`).version;

// The octets of a secret, or the text of a public key.
export const textOf = (policy, jwk) =>
  jwk?.kty === "oct" ? Buffer.from(jwk.k, "base64url") : ofForm(policy.key_texts?.[jwk?.kid]);

const ofForm = (texts) => texts?.[options.key_form] ?? texts?.pem;

// The first key of the policy, for a library that takes one.
export const keyOf = (policy) => textOf(policy, policy.keys.keys[0]);

// The key that the header names, for one with a callback; undefined where there is none.
export const keyOfKid = (policy, { kid }) => textOf(policy, policy.keys.keys.find((key) => key.kid === kid));

// Answers until the input ends.
export const serveRelease = (name, capabilities, verify, isRejection) => {
  Object.assign(options, { key_form: "pem", options: [], max_line: 4000000, ...capabilities, ...options });
  const implementation = { name, version: versionOf(name), language: "javascript" };
  return serve({ implementation, capabilities: options }, verify, isRejection);
};
