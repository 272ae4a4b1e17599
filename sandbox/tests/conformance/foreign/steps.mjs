// One line of what a step came to.
export async function step(name, run) {
  try {
    const result = await run();
    console.log("ok", name);
    return result;
  } catch (error) {
    console.log("FAIL", name, error?.status ?? error?.code ?? "", error?.message ?? error);
  }
}
export function expect(condition, found) {
  if (!condition) throw new Error(`not as expected: ${JSON.stringify(found)}`);
}
