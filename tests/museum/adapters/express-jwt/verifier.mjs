// express-jwt: the middleware on a request that carries the token; the secret comes from a callback, by kid. A list of
// algorithms is given only where the release demands one.
import { keyOfKid, required, serveRelease } from "./texts.mjs";

const module = required("express-jwt");
const middleware = module.expressjwt ?? module;
const UnauthorizedError = module.UnauthorizedError ?? required("express-jwt/lib/errors/UnauthorizedError");

const made = (settings, algorithms) => {
  try {
    return middleware(settings);
  } catch {
    return middleware({ ...settings, algorithms });
  }
};

const verify = ({ token, policy }) => new Promise((resolve, reject) => {
  const secret = (request, header, payload, found) => found(null, keyOfKid(policy, header));
  const request = { headers: { authorization: `Bearer ${token}` }, method: "GET" };
  const check = made({ secret, issuer: policy.issuer, audience: policy.audience }, policy.algorithms);
  check(request, {}, (error) => (error ? reject(error) : resolve(request.user ?? request.auth)));
});

await serveRelease(
  "express-jwt", { algorithms: ["RS256", "ES256"], clock: "real", options: [] }, verify,
  (error) => error instanceof UnauthorizedError,
);
