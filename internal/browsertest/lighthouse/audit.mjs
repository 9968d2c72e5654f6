// Lighthouse on the two pages of a login, as on a phone with a slow network. What it finds comes out as JSON.
//
//   node audit.mjs CHROMIUM URL ADDRESS
import { startFlow } from "lighthouse";
import puppeteer from "puppeteer-core";

const [executablePath, url, address] = process.argv.slice(2);
const browser = await puppeteer.launch({
  executablePath,
  args: ["--no-sandbox", "--disable-gpu", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost"],
});
try {
  const page = await browser.newPage();
  // The second page is of the same browser as the first: its cookie must stay.
  const flags = { onlyCategories: ["performance", "accessibility", "best-practices"], disableStorageReset: true };
  const flow = await startFlow(page, { flags });
  await flow.navigate(url);
  await page.type("#address", address);
  await flow.navigate(() => page.click("button.primary"));
  const { steps } = await flow.createFlowResult();
  console.log(JSON.stringify(steps.map(({ lhr: { audits, categories, runtimeError } }) => ({
    error: runtimeError?.message ?? "",
    scores: Object.fromEntries(Object.values(categories).map((c) => [c.id, Math.round(c.score * 100)])),
    shift: audits["cumulative-layout-shift"].numericValue,
    times: ["first-contentful-paint", "largest-contentful-paint", "total-blocking-time"].map((id) => id + " " + audits[id].displayValue),
    found: Object.values(categories).filter((c) => c.id !== "performance")
      .flatMap((c) => c.auditRefs.filter((a) => a.weight > 0 && audits[a.id].score !== null && audits[a.id].score < 1))
      .map(({ id }) => id + ": " + audits[id].title + " " + JSON.stringify(audits[id].details?.items ?? "")),
  }))));
} finally {
  await browser.close();
}
