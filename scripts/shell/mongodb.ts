import { mongoAt } from "../../adapters/clients/mongodb.ts";
import { messageOf } from "../../adapters/errors.ts";
import { Failure } from "../terminal/report.ts";
import type { Shell } from "./contract.ts";

const EXAMPLES = `Type a command of the database as JSON; https://www.mongodb.com/docs/manual/reference/command lists them:
  npm run shell mongodb -- '{"ping":1}'
  npm run shell mongodb -- '{"find":"memory_facts","filter":{"tenant":"acme"},"limit":3}'`;

/** One command through the official client, whose answer is shown as JSON: mongosh takes a password by its arguments alone, which others see. Exit code 1 for one that the server refuses. */
const shell: Shell = async ({ url, words }) => {
  const [text = "", ...more] = words;
  const { EJSON } = (await import("mongodb")).BSON;
  let command: unknown;
  try {
    command = EJSON.parse(text);
  } catch {}
  if (typeof command !== "object" || command === null || Array.isArray(command) || more.length > 0)
    throw new Failure("that is no command", EXAMPLES);
  const mongo = mongoAt(url);
  try {
    console.log(EJSON.stringify(await mongo.run((db) => db.command(command)), undefined, 2));
    return 0;
  } catch (error) {
    console.error(messageOf(error));
    return 1;
  } finally {
    await mongo.close();
  }
};
export default shell;
