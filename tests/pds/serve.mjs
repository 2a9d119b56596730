// A PLC directory in memory and a PDS in a folder, both on 127.0.0.1 alone. Prints the PDS's address.
// Usage: node serve.mjs NODE_MODULES FOLDER. Ends when its standard input closes.
import crypto from 'node:crypto'
import { createRequire } from 'node:module'
import net from 'node:net'
import path from 'node:path'

const [modules, folder] = process.argv.slice(2)
const require = createRequire(path.join(modules, 'none.js'))

// Both servers would listen on every interface.
const listen = net.Server.prototype.listen
net.Server.prototype.listen = function (port, ...rest) {
  const callback = rest.find((one) => typeof one === 'function')
  return listen.call(this, { port: Number(port), host: '127.0.0.1' }, callback)
}

const freePort = () =>
  new Promise((resolve) => {
    const probe = net.createServer().listen(0, () => {
      const { port } = probe.address()
      probe.close(() => resolve(port))
    })
  })
const secret = () => crypto.randomBytes(32).toString('hex')

const plc = require('@did-plc/server')
const plcPort = await freePort()
await plc.PlcServer.create({ db: plc.Database.mock(), port: plcPort }).start()

const pds = await import(require.resolve('@atproto/pds'))
const port = await freePort()
const environment = {
  devMode: true,
  port,
  hostname: 'localhost',
  dataDirectory: folder,
  blobstoreDiskLocation: path.join(folder, 'blobs'),
  didPlcUrl: `http://127.0.0.1:${plcPort}`,
  plcRotationKeyK256PrivateKeyHex: secret(),
  jwtSecret: secret(),
  dpopSecret: secret(),
  adminPassword: secret(),
  inviteRequired: false,
  serviceHandleDomains: ['.test'],
  disableSsrfProtection: true,
}
const config = pds.envToCfg(environment)
const server = await pds.PDS.create(config, pds.envToSecrets(environment))
await server.start()
console.log(`http://127.0.0.1:${port}`)

process.stdin.on('end', () => process.exit(0)).resume()
