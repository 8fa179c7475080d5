import { $ } from "zx";
import { Failure } from "../terminal/report.ts";

export const isPresent = async (image: string, host: string) =>
  (await $({ quiet: true, nothrow: true })`docker --host ${host} image inspect ${image}`).exitCode === 0;

/** Whether a registry answers for an image that is not here. */
export async function isReachable(image: string, host: string): Promise<{ ok: boolean; why: string }> {
  const { exitCode, stderr } = await $({
    quiet: true,
    nothrow: true,
    timeout: "20s",
  })`docker --host ${host} manifest inspect ${image}`;
  return { ok: exitCode === 0, why: lastLine(stderr) };
}

/** Fetches an image. */
export async function pull(product: string, image: string, host: string): Promise<void> {
  const { exitCode, stderr } = await $({ quiet: true, nothrow: true })`docker --host ${host} pull --quiet ${image}`;
  if (exitCode === 0) return;
  throw new Failure(
    `the image ${image} is not here and cannot be pulled: ${lastLine(stderr)}`,
    imageMend(product, image),
  );
}

export const imageMend = (product: string, image: string) =>
  `Check the network and the name, then try: docker pull ${image}\nBehind a mirror: npm run up -- --set imageMirror=mirror.example/hub\nAnother image:   npm run up -- --set images.${product}=<image>`;

const lastLine = (text: string) => text.trim().split("\n").at(-1) ?? "";
