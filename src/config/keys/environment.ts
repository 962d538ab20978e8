import { each, honoured, type KeyRow, later } from './row.ts'

const NO_TLS = 'TLS is not served yet: the gateway speaks plain HTTP. Put a TLS proxy in front.'

const NO_PROXY = 'Providers are spoken to directly: an outbound proxy is not used yet.'

export const ENVIRONMENT: readonly KeyRow[] = [
  honoured('LITELLM_MODE', 'PRODUCTION: no `.env` file is read from the working directory.', 'DEV'),
  honoured('CONFIG_FILE_PATH', 'The file, when `--config` is absent.'),
  honoured('PORT', 'When `--port` is absent.'),
  honoured('HOST', 'When `--host` is absent.'),
  honoured('NUM_WORKERS', 'When `--workers` is absent.'),
  honoured('UNDERSTUDY_DATA_DIR', 'When `--data-dir` is absent.'),
  honoured('LITELLM_LOG', 'When `--level` is absent: DEBUG, INFO, WARNING, ERROR or CRITICAL.'),
  honoured('LITELLM_MASTER_KEY', 'When `general_settings.master_key` is absent.'),
  honoured('UNDERSTUDY_MASTER_KEY', 'When LITELLM_MASTER_KEY is absent too.'),
  honoured(
    'LITELLM_SALT_KEY',
    'Key material for sealed ids and compaction capsules; the master key when absent.',
  ),
  honoured(
    'UNDERSTUDY_PREVIOUS_SALT_KEYS',
    'What that key (or the master key in its place) was before, commas between them: what was sealed then can still be opened.',
  ),
  honoured('LITELLM_DANGEROUSLY_PERMIT_WEAK_OR_UNSET_MASTER_KEY', 'The same as the setting.'),
  honoured(
    'LITELLM_CORS_ORIGINS',
    'When `general_settings.cors_allow_origins` is absent, commas between them.',
  ),
  honoured('LITELLM_CORS_ALLOW_CREDENTIALS', 'When `general_settings.cors_allow_credentials` is absent.'),
  honoured('REQUEST_TIMEOUT', 'When `litellm_settings.request_timeout` is absent.'),
  honoured('LITELLM_DROP_PARAMS', 'When `litellm_settings.drop_params` is absent.'),
  honoured('ROUTER_MAX_FALLBACKS', 'When `router_settings.max_fallbacks` is absent.'),
  honoured('DEFAULT_COOLDOWN_TIME_SECONDS', 'When `cooldown_time` is absent.'),
  honoured('DEFAULT_ALLOWED_FAILS', 'The value of `allowed_fails` that counts as not written, instead of 3.'),
  later('SSL_KEYFILE_PATH', NO_TLS),
  later('SSL_CERTFILE_PATH', NO_TLS),
  later('HTTP_PROXY', NO_PROXY),
  later('HTTPS_PROXY', NO_PROXY),
  later('LIMIT_CONCURRENCY', 'Write general_settings.max_in_flight_requests_per_worker.'),
  later('DATABASE_URL', 'There is no external database yet; nothing is stored in it.'),
  later('STORE_MODEL_IN_DB', 'Models come from the file only.'),
  ...each(honoured, 'What the file leaves out about the Redis that it asks for; alone it starts nothing.', {
    REDIS_HOST: undefined,
    REDIS_PORT: undefined,
    REDIS_USERNAME: undefined,
    REDIS_PASSWORD: undefined,
    REDIS_DB: undefined,
    REDIS_SSL: undefined,
    REDIS_URL: undefined,
  }),
  ...each(later, 'Clusters and sentinels are not asked; name one server.', {
    REDIS_CLUSTER_NODES: undefined,
    REDIS_SENTINEL_NODES: undefined,
  }),
]
