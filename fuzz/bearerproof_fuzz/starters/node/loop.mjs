// The loop of an adapter in JavaScript: JSON lines in, JSON lines out, in order.
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";

// The version of an installed package, which stands in the report.
export const versionOf = (name) =>
  JSON.parse(readFileSync(new URL(`./node_modules/${name}/package.json`, import.meta.url))).version;

// Whether arrays and objects nest deeper than an answer may.
const isDeeper = (levels, value) =>
  typeof value === "object" && value !== null && (levels === 0 || Object.values(value).some((each) => isDeeper(levels - 1, each)));

// Answers until the input ends. `verify` returns claims, or throws: `isRejection` tells the library's own error, any other
// is errored.
export async function serve(hello, verify, isRejection) {
  const answer = async (request) => {
    if (request.op === "hello") return { protocol: 1, level: 0, profiles: ["jwt"], measure: "base", ...hello };
    if (request.op !== "verify") return { skipped: "only whole JWTs" };
    try {
      const claims = await verify(request);
      return { verdict: "accepted", claims: isDeeper(60, claims) ? null : claims };
    } catch (error) {
      return isRejection(error) ? { verdict: "rejected" } : { errored: { message: String(error).slice(0, 500) } };
    }
  };
  for await (const line of createInterface({ input: process.stdin })) {
    const request = JSON.parse(line);
    console.log(JSON.stringify({ id: request.id, ...await answer(request) }));
  }
}
