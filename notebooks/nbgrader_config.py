# For nbgrader's own commands, run in the folder that `make student` makes.

c = get_config()
c.CourseDirectory.course_id = "optax_lab"
c.ExecutePreprocessor.timeout = 180
