// Trains the network of `fairway bench network` with TensorFlow.js on one thread
// of its WebAssembly backend. Each line of stdin, "<batch> <milliseconds>", is
// answered by the samples/s of whole passes over the rows that took so long.
const tf = require('@tensorflow/tfjs');
const wasm = require('@tensorflow/tfjs-backend-wasm');
const { widths, dropped, dropout, rate, rows } = JSON.parse(process.argv[1]);
const routes = widths[widths.length - 1];

function build(batch) {
  const model = tf.sequential();
  for (let i = 1; i < widths.length; i++) {
    const last = i === widths.length - 1;
    model.add(tf.layers.dense({ units: widths[i], activation: last ? 'softmax' : 'relu', inputShape: [widths[i - 1]] }));
    if (i <= dropped) model.add(tf.layers.dropout({ rate: dropout }));
  }
  model.compile({ optimizer: tf.train.adam(rate), loss: 'categoricalCrossentropy' });
  // The batches are cut beforehand, which trains faster than model.fit.
  const batches = [];
  for (let i = 0; i + batch <= rows; i += batch) {
    const x = tf.randomNormal([batch, widths[0]]);
    batches.push([x, tf.tidy(() => tf.oneHot(x.slice([0, 0], [batch, routes]).argMax(1), routes).toFloat())]);
  }
  return { model, batches };
}

async function main() {
  wasm.setThreadsCount(1);
  if (!(await tf.setBackend('wasm'))) throw new Error('the wasm backend does not start');
  await tf.ready();
  const simd = await tf.env().getAsync('WASM_HAS_SIMD_SUPPORT');
  console.log(`${tf.version.tfjs} ${tf.getBackend()}, ${wasm.getThreadsCount()} thread, SIMD ${simd}, node ${process.version}`);
  const programs = {};
  for await (const line of require('readline').createInterface({ input: process.stdin })) {
    const [batch, milliseconds] = line.split(' ').map(Number);
    const { model, batches } = (programs[batch] ??= build(batch));
    const start = process.hrtime.bigint();
    let samples = 0, taken = 0;
    do {
      for (const [x, y] of batches) {
        await model.trainOnBatch(x, y);
        samples += batch;
      }
      taken = Number(process.hrtime.bigint() - start) / 1e9;
    } while (taken * 1000 < milliseconds);
    console.log(samples / taken);
  }
}

main().catch((err) => {
  console.error(String(err));
  process.exit(1);
});
