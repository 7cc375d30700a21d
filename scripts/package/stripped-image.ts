/** The image without what only gdb needs: half its size, for what is shipped. */
import { runTool } from '../build/run-tool.ts'

export async function writeStrippedImage(image: string, output: string): Promise<void> {
  await runTool('strip the image', 'objcopy', ['--strip-debug', image, output])
}
