// How a program here talks with its test: in lines of JSON. It is told its setup as an argument, asks for what only a person
// with a browser can do, and ends with what it found. What it throws is the failure.
import { createInterface } from "node:readline";

const answers = createInterface({ input: process.stdin })[Symbol.asyncIterator]();

export const setup = JSON.parse(process.argv[2]);

const say = (line) => process.stdout.write(JSON.stringify(line) + "\n");

// open has the person open an address, and gives the one that the browser comes back to. do is what the person does on the
// way: "sign in", or nothing.
export async function open(url, does = "") {
  say({ open: String(url), does });
  const { value, done } = await answers.next();
  if (done) throw new Error("the test is gone");
  return new URL(JSON.parse(value).at);
}

// found tells the test what came of the program and ends it.
export function found(what) {
  say({ found: what });
  process.exit(0);
}

// refused wants a promise to be broken and gives why.
export async function refused(what, promise) {
  try {
    await promise;
  } catch (e) {
    return e;
  }
  throw new Error(what + ": was not refused");
}

export function same(what, got, want) {
  if (got !== want) throw new Error(`${what}: got ${JSON.stringify(got)}, want ${JSON.stringify(want)}`);
}
