// Express with express-oauth2-jwt-bearer, as its documentation has it.
import express from "express";
import { auth, requiredScopes } from "express-oauth2-jwt-bearer";

const app = express();
app.use(auth({ issuerBaseURL: process.env.ISSUER, audience: "api://orders", cooldownDuration: 1000, cacheMaxAge: 3000 }));
app.get("/orders", requiredScopes("orders:read"), (request, response) => {
  response.json({ user: { sub: request.auth.payload.sub } });
});
app.listen(process.env.PORT, "127.0.0.1");
