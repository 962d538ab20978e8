import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import type { Command } from './processes.ts'

/** What a contender needs to start. */
export type Place = {
  /** An empty folder of its own. */
  readonly folder: string
  readonly port: number
  readonly upstreamPort: number
}

export type Contender = {
  readonly name: 'gateway' | 'bare' | 'nginx' | 'portkey'
  readonly title: string
  readonly model: string
  readonly headers: (place: Place) => Readonly<Record<string, string>>
  /** Installs or writes what it needs; throws an Error with the reason why it cannot take part. */
  readonly prepare: (scratch: string) => {
    readonly version: string
    readonly command: (place: Place) => Command
  }
}

const ROOT = resolve(import.meta.dirname, '..')
const here = (name: string): string => join(import.meta.dirname, name)
const MASTER_KEY = 'sk-bench-0123456789abcdef'
const UPSTREAM_KEY = 'sk-upstream-0123456789abcdef'
const bearer = (key: string) => ({ authorization: `Bearer ${key}` })

const gatewayConfig = ({ upstreamPort }: Place): string => `model_list:
  - model_name: bench
    litellm_params:
      model: openai/gpt-4.1
      api_base: http://127.0.0.1:${upstreamPort}/v1
      api_key: ${UPSTREAM_KEY}
  - model_name: bench-backup
    litellm_params:
      model: openai/gpt-4.1-mini
      api_base: http://127.0.0.1:${upstreamPort}/v1
      api_key: ${UPSTREAM_KEY}
router_settings:
  num_retries: 2
  fallbacks:
    - bench: [bench-backup]
general_settings:
  master_key: ${MASTER_KEY}
`

/** Started as a user starts it: master key, one group with a fallback, request log, accounting. */
const gateway: Contender = {
  name: 'gateway',
  title: 'Understudy',
  model: 'bench',
  headers: () => bearer(MASTER_KEY),
  prepare: () => {
    const main = join(ROOT, 'bin', 'understudy.js')
    if (!existsSync(join(ROOT, 'dist', 'main.js'))) throw new Error('there is no build: run npm run build')
    const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'))
    return {
      version: `${version}${commit()}`,
      command: place => {
        const config = join(place.folder, 'config.yaml')
        writeFileSync(config, gatewayConfig(place))
        return {
          argv: [process.execPath, main, 'serve', '--config', config, '--port', String(place.port)],
          cwd: place.folder,
        }
      },
    }
  },
}

const commit = (): string => {
  try {
    return ` (${execFileSync('git', ['rev-parse', '--short', 'HEAD'], { cwd: ROOT, encoding: 'utf8' }).trim()})`
  } catch {
    return ''
  }
}

const bare: Contender = {
  name: 'bare',
  title: 'bare undici proxy',
  model: 'gpt-4.1',
  headers: () => bearer(UPSTREAM_KEY),
  prepare: () => ({
    version: `Node ${process.versions.node}`,
    command: place => ({
      argv: [
        process.execPath,
        here('bare-proxy.ts'),
        String(place.port),
        `http://127.0.0.1:${place.upstreamPort}`,
      ],
      cwd: place.folder,
    }),
  }),
}

const nginxConfig = ({ folder, port, upstreamPort }: Place): string => `worker_processes 1;
daemon off;
pid ${folder}/nginx.pid;
error_log ${folder}/error.log error;
${process.getuid?.() === 0 ? 'user root;' : ''}
events { worker_connections 1024; }
http {
  access_log off;
  client_body_temp_path ${folder}/body;
  proxy_temp_path ${folder}/proxy;
  fastcgi_temp_path ${folder}/fastcgi;
  uwsgi_temp_path ${folder}/uwsgi;
  scgi_temp_path ${folder}/scgi;
  client_max_body_size 16m;
  client_body_buffer_size 4m;
  keepalive_requests 100000000;
  upstream provider { server 127.0.0.1:${upstreamPort}; keepalive 256; keepalive_requests 100000000; }
  server {
    listen 127.0.0.1:${port};
    location / {
      proxy_pass http://provider;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_buffering off;
    }
  }
}
`

const nginx: Contender = {
  name: 'nginx',
  title: 'nginx proxy_pass',
  model: 'gpt-4.1',
  headers: () => bearer(UPSTREAM_KEY),
  prepare: () => {
    let version: string
    try {
      // nginx prints its version on standard error.
      version = execFileSync('sh', ['-c', 'nginx -v 2>&1'], { encoding: 'utf8' })
        .trim()
        .replace('nginx version: ', '')
    } catch {
      throw new Error('nginx is not on the PATH')
    }
    return {
      version,
      command: place => {
        const config = join(place.folder, 'nginx.conf')
        writeFileSync(config, nginxConfig(place))
        return { argv: ['nginx', '-c', config, '-p', place.folder], cwd: place.folder }
      },
    }
  },
}

const PORTKEY = '@portkey-ai/gateway'
/** 1.14.2 and later, which npm would choose, answer every stream with a 500 (Portkey-AI/gateway issue 1389). */
const PORTKEY_MANIFEST = {
  private: true,
  dependencies: { [PORTKEY]: 'latest' },
  overrides: { '@hono/node-server': '1.13.8' },
}

const portkey: Contender = {
  name: 'portkey',
  title: 'Portkey gateway',
  model: 'gpt-4.1',
  headers: ({ upstreamPort }) => ({
    ...bearer(UPSTREAM_KEY),
    'x-portkey-provider': 'openai',
    'x-portkey-custom-host': `http://127.0.0.1:${upstreamPort}/v1`,
  }),
  prepare: scratch => {
    const folder = join(scratch, 'portkey-install')
    mkdirSync(folder, { recursive: true })
    writeFileSync(join(folder, 'package.json'), JSON.stringify(PORTKEY_MANIFEST))
    try {
      const parameters = ['install', '--ignore-scripts', '--silent', '--prefix', folder]
      execFileSync('npm', parameters, { cwd: folder, stdio: 'ignore', timeout: 120_000 })
    } catch {
      throw new Error(`npm could not install ${PORTKEY}`)
    }
    const home = join(folder, 'node_modules', PORTKEY)
    const { version, bin } = JSON.parse(readFileSync(join(home, 'package.json'), 'utf8'))
    return {
      version,
      command: place => ({
        argv: [process.execPath, join(home, bin), `--port=${place.port}`, '--headless'],
        env: { NODE_ENV: 'production' },
        cwd: place.folder,
      }),
    }
  },
}

export const CONTENDERS: readonly Contender[] = [gateway, bare, nginx, portkey]
