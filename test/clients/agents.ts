import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Ran, runProgram } from './programs.ts'

/** Where an agent works: its gateway, its folders, the group that it asks for. */
export type Desk = {
  /** The folder with the installed packages. */
  readonly packages: string
  readonly home: string
  readonly work: string
  readonly url: string
  readonly key: string
  readonly group: string
  /** The session is to be compacted: who does so by himself is told when. */
  readonly compacts: boolean
}

/** One of the programs, as its users run it. */
export type Agent = {
  readonly name: string
  /** What its fixtures begin with. */
  readonly file: string
  /** The stage that speaks its own dialect: its primary. */
  readonly own: 'openai' | 'anthropic'
  /** Its tool for a command line, and the name of the argument. */
  readonly shell: readonly [tool: string, argument: string]
  /** What the user types to have the session compacted; undefined: the agent does so by itself, between two turns. */
  readonly compact?: string
  /** One turn; `goOn` continues the session before. */
  readonly turn: (desk: Desk, prompt: string, goOn: boolean) => Promise<Ran>
}

const TURN_MS = 90_000

/**
 * Tokens: less than a task with a long end takes, and more than a task without it, the agent's own tools and instructions
 * included. An agent whose limit is below those compacts after each call, for ever.
 */
const COMPACT_AT = 24_000

const codexSettings = (desk: Desk): string =>
  [
    `model = "${desk.group}"`,
    'model_provider = "gateway"',
    ...(desk.compacts ? [`model_auto_compact_token_limit = ${COMPACT_AT}`] : []),
    '[analytics]',
    'enabled = false',
    '[model_providers.gateway]',
    'name = "OpenAI"',
    `base_url = "${desk.url}/v1"`,
    'env_key = "GATEWAY_KEY"',
    'wire_api = "responses"',
    'supports_websockets = false',
    'request_max_retries = 2',
    'stream_max_retries = 3',
    '',
  ].join('\n')

const codex: Agent = {
  name: 'Codex CLI',
  file: 'codex',
  own: 'openai',
  shell: ['exec_command', 'cmd'],
  turn: async (desk, prompt, goOn) => {
    await mkdir(desk.home, { recursive: true })
    await writeFile(join(desk.home, 'config.toml'), codexSettings(desk))
    return runProgram({
      program: join(desk.packages, 'node_modules/.bin/codex'),
      args: [
        'exec',
        '--skip-git-repo-check',
        ...['--sandbox', 'danger-full-access'],
        ...(goOn ? ['resume', '--last'] : []),
        prompt,
      ],
      cwd: desk.work,
      env: { HOME: desk.home, CODEX_HOME: desk.home, GATEWAY_KEY: desk.key },
      limitMs: TURN_MS,
    })
  },
}

const claude: Agent = {
  name: 'Claude Code',
  file: 'claude-code',
  own: 'anthropic',
  shell: ['Bash', 'command'],
  compact: '/compact',
  turn: (desk, prompt, goOn) =>
    runProgram({
      program: join(
        desk.packages,
        `node_modules/@anthropic-ai/claude-code-${process.platform}-${process.arch}/claude`,
      ),
      args: ['-p', prompt, '--allowedTools', 'Bash', ...(goOn ? ['--continue'] : [])],
      cwd: desk.work,
      env: {
        HOME: desk.home,
        ANTHROPIC_BASE_URL: desk.url,
        ANTHROPIC_AUTH_TOKEN: desk.key,
        ANTHROPIC_MODEL: desk.group,
        ANTHROPIC_SMALL_FAST_MODEL: desk.group,
        CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1',
      },
      limitMs: TURN_MS,
    }),
}

export const AGENTS: readonly Agent[] = [codex, claude]
