// jwt-simple: decode with the key as text, and no algorithm pinned. It throws plain Errors.
import { keyOf, required, serveRelease } from "./texts.mjs";

const jwt = required("jwt-simple");

const verify = ({ token, policy }) => jwt.decode(token, keyOf(policy));

await serveRelease(
  "jwt-simple", { algorithms: ["RS256"], clock: "real", key_set: false }, verify,
  (error) => Object.getPrototypeOf(error) === Error.prototype,
);
