import { honoured, type KeyRow, later } from './row.ts'

export const ENVIRONMENT: readonly KeyRow[] = [
  honoured('LITELLM_MASTER_KEY', 'When `general_settings.master_key` is absent.'),
  honoured('UNDERSTUDY_MASTER_KEY', 'When LITELLM_MASTER_KEY is absent too.'),
  honoured('LITELLM_SALT_KEY', 'Key material for sealed ids.'),
  honoured('LITELLM_DANGEROUSLY_PERMIT_WEAK_OR_UNSET_MASTER_KEY', 'The same as the setting.'),
  honoured('REQUEST_TIMEOUT', 'When `litellm_settings.request_timeout` is absent.'),
  honoured('LITELLM_DROP_PARAMS', 'When `litellm_settings.drop_params` is absent.'),
  honoured('ROUTER_MAX_FALLBACKS', 'When `router_settings.max_fallbacks` is absent.'),
  honoured('DEFAULT_COOLDOWN_TIME_SECONDS', 'When `cooldown_time` is absent.'),
  honoured('DEFAULT_ALLOWED_FAILS', 'The value of `allowed_fails` that counts as not written, instead of 3.'),
  later('DATABASE_URL', 'There is no external database yet; nothing is stored in it.'),
  later('STORE_MODEL_IN_DB', 'Models come from the file only.'),
  later('REDIS_HOST', 'Instances share no state yet: cooldowns and usage are per instance.'),
  later('REDIS_URL', 'Instances share no state yet: cooldowns and usage are per instance.'),
]
