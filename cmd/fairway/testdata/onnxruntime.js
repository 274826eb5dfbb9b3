// Runs an ONNX file in ONNX Runtime: a question as JSON on stdin, the outputs
// as JSON on stdout. Values are base64 of little-endian numbers.
const { module: path, model, feeds } = JSON.parse(require('fs').readFileSync(0))
const { InferenceSession, Tensor } = require(path)

const types = { float32: Float32Array, float64: Float64Array }

function tensor ({ type, dims, data }) {
  const bytes = Uint8Array.from(Buffer.from(data, 'base64')) // begins at 0, so that numbers are aligned
  return new Tensor(type, new types[type](bytes.buffer), dims)
}

async function main () {
  const session = await InferenceSession.create(model, { intraOpNumThreads: 1, interOpNumThreads: 1, logSeverityLevel: 3 })
  const inputs = {}
  for (const name of session.inputNames) inputs[name] = tensor(feeds[name])
  const answer = {}
  for (const [name, t] of Object.entries(await session.run(inputs))) {
    const bytes = Buffer.from(t.data.buffer, t.data.byteOffset, t.data.byteLength)
    answer[name] = { type: t.type, dims: t.dims.map(Number), data: bytes.toString('base64') }
  }
  process.stdout.write(JSON.stringify(answer))
}

main().catch(err => { console.error(err); process.exit(1) })
